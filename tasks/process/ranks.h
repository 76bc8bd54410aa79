// What a run on more than one rank needs besides sums: a check that the ranks agree, and a last checkpoint
// when they are ended.
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

// FNV-1a over the bytes, continued from `before`. It detects mistakes, but not deliberate collisions.
inline constexpr std::uint64_t empty_hash = 0xCBF29CE484222325u;
std::uint64_t hash_of(std::string_view bytes, std::uint64_t before = empty_hash);
// Hashes every value of the parameters, the buffers and the optimiser's state.
std::uint64_t hash_of(const ParamList& params, const Optimiser& optimiser);

// Throws Error on every rank, with the ranks that differ from rank 0, if the hashes are not all the same.
void require_agreement(kernels::Communicator& group, std::uint64_t hash, const std::string& what,
                       const std::string& advice);

// Keeps the values that the buffers had at `take`, for a checkpoint in the middle of the next step.
class BufferCopy {
 public:
  void take(const ParamList& params);
  // Returns the list with these values in place of the buffers.
  ParamList in_place_of_buffers(const ParamList& params) const;

 private:
  std::vector<Tensor> copies_;
};

// When one rank dies the launcher ends the others, first with SIGTERM and shortly afterwards by force. If
// that happens while an object of this class lives, the first rank that is left calls `save` once; if
// `watched`, a separate thread does.
class LastWords {
 public:
  // `ending` returns whether the signal has come. `save` writes the checkpoint and returns a message.
  LastWords(kernels::Communicator& group, bool watched, std::function<bool()> ending,
            std::function<std::string()> save);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

  // Whoever changes what `save` reads holds this.
  std::mutex& state() { return state_; }
  // Saves at once, because a rank was lost. Returns the message; empty if another rank has to save.
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
