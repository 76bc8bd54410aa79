// The worker's loop and its hand-over of jobs and errors.
#include "tasks/data/worker.h"

#include <utility>

#include "kernels/device/error.h"

namespace stillpoint {

Worker::Worker() : thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || job_ != nullptr; });
    if (ending_) return;
    const std::function<void()> job = job_;
    lock.unlock();
    std::exception_ptr error;
    try {
      job();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    error_ = error;
    job_ = nullptr;
    changed_.notify_all();
  }
}

void Worker::start(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    require(job_ == nullptr && error_ == nullptr,
            "worker: given a second job, expected the first to be waited for, call wait");
    job_ = std::move(job);
  }
  changed_.notify_all();
}

void Worker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return job_ == nullptr; });
  if (const std::exception_ptr error = std::exchange(error_, nullptr)) std::rethrow_exception(error);
}

}  // namespace stillpoint
