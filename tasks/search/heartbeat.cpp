// The thread.
#include "tasks/search/heartbeat.h"

#include <chrono>

namespace stillpoint {

Heartbeat::Heartbeat(const SearchPlan& plan, const Trial& trial, std::atomic<bool>& lost)
    : lost_(lost), thread_([this, &plan, trial] { beat(plan, trial); }) {}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Heartbeat::beat(const SearchPlan& plan, const Trial& trial) {
  std::optional<Study> study;
  std::unique_lock lock(mutex_);
  const auto interval = std::chrono::duration<double>(plan.heartbeat);
  while (!wake_.wait_for(lock, interval, [this] { return over_; })) {
    lock.unlock();
    try {
      if (!study) study.emplace(Study::open(plan.storage, plan.study));
      if (!study->record_heartbeat(trial)) lost_ = true;
    } catch (const Error&) {
      study.reset();
    }
    lock.lock();
  }
}

}  // namespace stillpoint
