// Signs of life of a worker, while it trains.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tasks/search/worker.h"

namespace stillpoint {

// Records a heartbeat every plan.heartbeat seconds, on a thread and a connection of its own, as long as it
// lives; sets `lost` where the trial is no longer this worker's. A database that does not answer is asked
// again at the next beat: whether the worker was silent for too long is for the others to say.
class Heartbeat {
 public:
  Heartbeat(const SearchPlan& plan, const Trial& trial, std::atomic<bool>& lost);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void beat(const SearchPlan& plan, const Trial& trial);

  std::atomic<bool>& lost_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace stillpoint
