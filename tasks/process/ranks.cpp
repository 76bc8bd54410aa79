// Computes hashes, and runs the thread that waits for the end.
#include "tasks/process/ranks.h"

#include <chrono>
#include <iostream>
#include <optional>

#include "engine/words.h"
#include "tasks/process/processes.h"

namespace stillpoint {
namespace {

using Clock = std::chrono::steady_clock;
// The thread saves if an orderly end takes longer than this. Open MPI kills a second after its first signal.
constexpr std::chrono::milliseconds patience{300}, pause_between_looks{25};

// FNV-1a.
void add(std::uint64_t& hash, const void* data, std::size_t bytes) {
  const auto* const byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ byte[i]) * 0x100000001B3u;
}

void add(std::uint64_t& hash, const Tensor& tensor) {
  const Tensor host = tensor.detach().to(Device::cpu);
  add(hash, host.array().data, std::size_t(host.size() * size_of(host.dtype())));
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes, std::uint64_t before) {
  add(before, bytes.data(), bytes.size());
  return before;
}

std::uint64_t hash_of(const ParamList& params, const Optimiser& optimiser) {
  std::uint64_t hash = empty_hash;
  for (const NamedTensor& p : params.trainable()) add(hash, p.tensor);
  for (const NamedTensor& p : params.buffers()) add(hash, p.tensor);
  for (const NamedTensor& p : optimiser.state()) add(hash, p.tensor);
  return hash;
}

void require_agreement(kernels::Communicator& group, std::uint64_t hash, const std::string& what,
                       const std::string& advice) {
  const std::vector<std::uint64_t> all = group.gather(hash);
  std::string others;
  for (std::size_t r = 0; r < all.size(); ++r)
    if (all[r] != all[0]) others += (others.empty() ? "" : ", ") + std::to_string(r);
  require(others.empty(), "train: given ", what, " on rank ", others,
          " that differ from those of rank 0, expected ", "the same on all ", group.size(), " ranks, ",
          advice);
}

void BufferCopy::take(const ParamList& params) {
  copies_.resize(params.buffers().size());
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const Tensor& from = params.buffers()[i].tensor;
    if (!copies_[i].defined()) copies_[i] = Tensor::empty(from.shape(), from.options());
    copies_[i].assign(from);
  }
}

ParamList BufferCopy::in_place_of_buffers(const ParamList& params) const {
  ParamList list;
  for (const NamedTensor& p : params.trainable()) list(p.name, p.tensor);
  for (std::size_t i = 0; i < copies_.size(); ++i) list.buffer(params.buffers()[i].name, copies_[i]);
  return list;
}

LastWords::LastWords(kernels::Communicator& group, bool watched, std::function<bool()> ending,
                     std::function<std::string()> save)
    : group_(group), ending_(std::move(ending)), save_(std::move(save)) {
  if (watched) thread_ = std::thread([this] { watch(); });
}

LastWords::~LastWords() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string LastWords::speak() {
  const std::lock_guard one(speaking_);
  if (told_.empty() && group_.leads_survivors()) {
    const std::lock_guard whole(state_);
    told_ = save_();
  }
  return told_;
}

void LastWords::watch() {
  std::optional<Clock::time_point> since;
  while (!over_) {
    std::this_thread::sleep_for(pause_between_looks);
    if (!since && ending_()) since = Clock::now();
    if (!since || Clock::now() - *since < patience) continue;
    try {
      const std::string words = speak();
      if (!words.empty())
        std::cerr << program_name() + ": the run is being ended; " + words + "\n" << std::flush;
    } catch (const std::exception& error) {
      std::cerr << text(program_name(),
                        ": the run is being ended, and nothing could be saved: ", shown_message(error.what()),
                        "\n");
    }
    return;
  }
}

}  // namespace stillpoint
