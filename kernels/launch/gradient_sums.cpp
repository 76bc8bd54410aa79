// The sums of gradients that wait for one launch.
#include "kernels/launch/gradient_sums.h"

#include <algorithm>
#include <utility>

#include "kernels/device/error.h"
#if STILLPOINT_CUDA
#include "kernels/launch/cuda_gradient_sums.h"
#endif

namespace stillpoint::kernels {
namespace {

thread_local DeferredSums* current = nullptr;
constexpr std::size_t most_bytes = std::size_t(32) << 20;  // of partial gradients that may wait

void launch_sums([[maybe_unused]] const std::vector<GradientSets>& sets) {
#if STILLPOINT_CUDA
  launch_gradient_sums(sets);
#else
  fail("sum_gradients: built without CUDA, expected a build with it, use --device cpu");
#endif
}

}  // namespace

DeferredSums::DeferredSums() : before_(std::exchange(current, this)) {}
DeferredSums::~DeferredSums() { current = before_; }

bool DeferredSums::waits(const void* data) const {
  const auto is_result = [data](const GradientRows& r) {
    return data == r.dw.data || data == r.db.data || data == r.dg.data;
  };
  return data != nullptr && std::any_of(waiting_.begin(), waiting_.end(), [&](const GradientSets& s) {
           return std::any_of(s.rows.begin(), s.rows.end(), is_result);
         });
}

void DeferredSums::finish() {
  bytes_ = 0;
  if (const std::vector<GradientSets> sets = std::exchange(waiting_, {}); !sets.empty()) launch_sums(sets);
}

void sum_gradients(GradientSets sets) {
  if (sets.rows.empty()) return;
  std::vector<GradientSets> one;
  std::vector<GradientSets>& list = current != nullptr ? current->waiting_ : one;
  const std::size_t bytes = sets.partials.bytes();
  list.push_back(std::move(sets));
  if (current == nullptr) return launch_sums(list);
  current->bytes_ += bytes;
  if (current->bytes_ > most_bytes) current->finish();
}

}  // namespace stillpoint::kernels
