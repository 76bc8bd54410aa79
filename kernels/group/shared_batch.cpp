// Keeps the share that this thread computes.
#include "kernels/group/shared_batch.h"

namespace stillpoint::kernels {
namespace {

thread_local const BatchShare* current_share = nullptr;

}  // namespace

SharedBatch::SharedBatch(const BatchShare& share) : share_(share), before_(current_share) {
  current_share = share.group->size() > 1 ? &share_ : nullptr;
}
SharedBatch::~SharedBatch() { current_share = before_; }
const BatchShare* SharedBatch::current() { return current_share; }

}  // namespace stillpoint::kernels
