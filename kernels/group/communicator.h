// The processes that mpirun started together: sums over them that complete while other work goes on.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Another rank has ended, or the launcher is ending all of them: what was being summed will never be
// complete.
class RankLost : public Error {
 public:
  using Error::Error;
};

// Every rank makes the same calls in the same order. Results are the same bits on every rank and in every
// run. Of one rank, as where mpirun did not start this process, every call returns at once.
class Communicator {
 public:
  // The ranks of this launch. MPI is started by the first call, where a launcher started this process. Error
  // where one did and this program was built without MPI or for another launcher's.
  static Communicator& world();
  // Of one rank, whatever started the process.
  static Communicator& alone();
  // What world() returned, where that has several ranks; else null.
  static Communicator* joined();
  // Leaves the group in order: every rank has come to its end. Only after it may a rank's process end
  // quietly.
  static void leave();
  // Ends the processes of all ranks, this one too; returns only where there is no other.
  static void abort(int code);

  Index rank() const { return rank_; }
  Index size() const { return size_; }
  // Among the ranks on this machine.
  Index local_rank() const { return local_rank_; }
  Index local_size() const { return local_size_; }
  // Cores that those ranks may run on, together.
  Index local_cores() const { return local_cores_; }

  // GPUs of this machine that ranks can sum over; 0 where the program is built without NCCL.
  static Index gpus();
  // Ranks of one machine go round its GPUs; before anything else is asked of a GPU.
  void use_own_gpu() const;
  // Before the first sum on the device and outside of recorded work. Error where this program cannot sum
  // there.
  void prepare(Device device);
  // Returns when the device has done what was queued. Unlike a wait for the device itself it ends where a
  // rank is lost.
  void wait_for(Device device);

  // Starts to add up float32 or float64 values over the ranks, in place. Nobody may touch them until
  // `finish_sums`, which waits for all that were started. On a GPU both queue: sums run beside the device's
  // other work.
  void start_sum(const Array& values);
  void finish_sums();
  // Gives started sums on the CPU the chance to get on.
  void progress();
  // The same at once, and on a GPU in order with its other work.
  void sum(const Array& values);
  // A sum of few host values beside everything else: wait(start_sum(...)) or both in one.
  struct Pending;
  std::shared_ptr<Pending> start_sum(std::vector<double> values);
  std::vector<double> wait(const std::shared_ptr<Pending>& pending);
  std::vector<double> sum(std::vector<double> values) { return wait(start_sum(std::move(values))); }
  // Rank 0's.
  std::string broadcast(std::string value);
  // Every rank's value, by rank.
  std::vector<std::uint64_t> gather(std::uint64_t value);
  void barrier();

  // While a call waits for other ranks it asks `ending`, and throws RankLost where that is true and ranks of
  // other machines do not come in time, or where a process of this machine's ranks is gone.
  void set_ending(std::function<bool()> ending) { ending_ = std::move(ending); }
  // A wait for other ranks that lasts `seconds` names those that have not come, through `tell` on the first
  // of the ranks that wait; again whenever it has lasted twice as long.
  void set_patience(double seconds, std::function<void(const std::string&)> tell);
  // Whether every rank before this one was on this machine and is gone: what rank 0 did falls to this one
  // then.
  bool leads_survivors() const;

  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  ~Communicator();

 private:
  Communicator();
  void join();
  void meet_local_ranks();
  bool on_gpu(const Array& values) const;
  void wait_until(const std::function<bool()>& done);
  // Returns when `done` says so.
  void poll(const std::function<bool()>& done) const;
  void abandon_gpu() noexcept;
  std::string gone() const;  // "rank 2" or empty
  // To all other ranks, that this one waits; and from whom such a note has come since the last look.
  void send_notes() const;
  std::vector<Index> take_notes() const;
  std::string names_without(const std::set<Index>& waiting) const;
  class Patience;

  struct Links;
  std::unique_ptr<Links> links_;
  Index rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1, local_cores_ = 1;
  std::vector<std::int64_t> processes_;  // by rank; 0 where it is not on this machine
  std::function<bool()> ending_;
  double patience_ = 0;  // seconds; 0: without end
  std::function<void(const std::string&)> tell_;
};

// What this program was built with: "MPI 3.1, Open MPI 4.1.4" or why there is none.
std::string describe_mpi();
std::string describe_nccl();

}  // namespace stillpoint::kernels
