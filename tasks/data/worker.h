// One thread that runs one job at a time, beside its owner.
#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace stillpoint {

class Worker {
 public:
  Worker();
  ~Worker();  // waits for the job that runs
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // After wait() of the job before; what the job refers to outlives it.
  void start(std::function<void()> job);
  // Until the job has ended; throws what it threw. Without a job: returns at once.
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;  // empty: none is running
  std::exception_ptr error_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace stillpoint
