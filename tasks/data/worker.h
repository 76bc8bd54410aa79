// A thread that runs one job at a time, beside its owner.
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
  ~Worker();  // waits for a running job
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Call wait() for the previous job first. What the job refers to must outlive it.
  void start(std::function<void()> job);
  // Waits until the job has ended, and throws what it threw. Returns at once if there is no job.
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;  // empty: none is running
  std::exception_ptr error_;
  bool ending_ = false;
  std::thread thread_;  // declared last, because it uses the others
};

}  // namespace stillpoint
