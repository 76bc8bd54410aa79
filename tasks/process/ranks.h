// What a run on several ranks needs beyond sums: proof that the ranks agree, and a last checkpoint when they
// are ended.
#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "engine/optim.h"
#include "kernels/group/communicator.h"

namespace stillpoint {

// FNV-1a over the bytes, going on from `before`. It tells mistakes apart, not what somebody made to collide.
inline constexpr std::uint64_t empty_hash = 0xCBF29CE484222325u;
std::uint64_t hash_of(std::string_view bytes, std::uint64_t before = empty_hash);
// Of every value of the parameters, the buffers and the optimiser's state.
std::uint64_t hash_of(const ParamList& params, const Optimiser& optimiser);

// Error on every rank, naming those that differ from rank 0, where the hashes are not all the same.
void require_agreement(kernels::Communicator& group, std::uint64_t hash, const std::string& what,
                       const std::string& advice);

// The values of buffers as they were at `take`, for a checkpoint that is written in the middle of the next
// step.
class BufferCopy {
 public:
  void take(const ParamList& params);
  // The list with these values in the buffers' place.
  ParamList in_place_of_buffers(const ParamList& params) const;

 private:
  std::vector<Tensor> copies_;
};

// When one rank dies the launcher ends the others, with SIGTERM first and little later for good. While one of
// these lives, `save` is called once then, on a thread of its own where `watched`, on the first rank that is
// left.
class LastWords {
 public:
  // `ending`: whether the signal has come. `save` writes the checkpoint and says what to tell the user.
  LastWords(kernels::Communicator& group, bool watched, std::function<bool()> ending,
            std::function<std::string()> save);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

  // Held by whoever changes what `save` reads.
  std::mutex& state() { return state_; }
  // At once, because a rank was lost; returns what to tell, empty where this is for another rank to do.
  std::string speak();

 private:
  void watch();

  kernels::Communicator& group_;
  std::function<bool()> ending_;
  std::function<std::string()> save_;
  std::mutex state_, speaking_;
  std::string told_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace stillpoint
