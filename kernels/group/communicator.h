// The processes that mpirun started together: sums over them, which complete while other work goes on.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Thrown if another rank has ended, or the launcher is ending all of them: the sums under way will never
// complete.
class RankLost : public Error {
 public:
  using Error::Error;
};

// Every rank makes the same calls in the same order. Results are the same bits on every rank and in every
// run. If there is only one rank, as when mpirun did not start this process, every call returns at once.
class Communicator {
 public:
  // Returns the ranks of this launch. The first call starts MPI if a launcher started this process. Throws
  // Error if one did and this program was built without MPI, or for another launcher's MPI.
  static Communicator& world();
  // Returns a group of one rank, whatever started the process.
  static Communicator& alone();
  // Returns what world() returned if that has more than one rank, else null.
  static Communicator* joined();
  // Leaves the group in order, when every rank has come to its end. Only after this may a rank's process end
  // quietly.
  static void leave();
  // Ends the processes of all ranks, including this one; returns only if there is no other.
  static void abort(int code);

  Index rank() const { return rank_; }
  Index size() const { return size_; }
  // The rank among those on this machine, and their number.
  Index local_rank() const { return local_rank_; }
  Index local_size() const { return local_size_; }
  // Returns how many cores those ranks may run on together.
  Index local_cores() const { return local_cores_; }

  // Gives the ranks of one machine its GPUs in turn; called before anything else is asked of a GPU.
  void use_own_gpu() const;
  // Called before the first sum on the device and outside of recorded work. Throws Error if this program
  // cannot sum there.
  void prepare(Device device);
  // Returns when the device has done what was queued. Unlike a wait for the device itself, it throws if a
  // rank is lost.
  void wait_for(Device device);

  // Starts to add up float32 or float64 values over the ranks, in place. Nobody may touch them until
  // `finish_sums`, which waits for all that were started. On a GPU both only queue work: sums run beside the
  // device's other work.
  void start_sum(const Array& values);
  void finish_sums();
  // Lets started sums on the CPU advance.
  void progress();
  // Sums at once, and on a GPU in order with its other work.
  void sum(const Array& values);
  // Sums few host values beside everything else: wait(start_sum(...)), or both in one.
  struct Pending;
  std::shared_ptr<Pending> start_sum(std::vector<double> values);
  std::vector<double> wait(const std::shared_ptr<Pending>& pending);
  std::vector<double> sum(std::vector<double> values) { return wait(start_sum(std::move(values))); }
  // Returns rank 0's value.
  std::string broadcast(std::string value);
  // Returns every rank's value, by rank.
  std::vector<std::uint64_t> gather(std::uint64_t value);
  void barrier();

  // While a call waits for other ranks it asks `ending`. It throws RankLost if that is true and ranks of
  // other machines do not come in time, or if the process of a rank on this machine is gone.
  void set_ending(std::function<bool()> ending) { ending_ = std::move(ending); }
  // A wait for other ranks that lasts `seconds` reports those that have not come, through `tell` on the first
  // of the waiting ranks, and again each time it has lasted twice as long.
  void set_patience(double seconds, std::function<void(const std::string&)> tell);
  // Returns whether every rank before this one was on this machine and is gone: then this rank does rank 0's
  // work.
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
  // Returns when `done` returns true.
  void poll(const std::function<bool()>& done) const;
  void abandon_gpu() noexcept;
  std::string gone() const;  // "rank 2" or empty
  // Sends all other ranks a note that this one waits; returns which ranks have sent one since the last call.
  void send_notes() const;
  std::vector<Index> take_notes() const;
  std::string names_without(const std::set<Index>& waiting) const;
  class Patience;

  struct Links;
  std::unique_ptr<Links> links_;
  Index rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1, local_cores_ = 1;
  std::vector<std::int64_t> processes_;  // by rank; 0 if it is not on this machine
  std::function<bool()> ending_;
  double patience_ = 0;  // seconds; 0: without limit
  std::function<void(const std::string&)> tell_;
};

// Returns what this program was built with: "MPI 3.1, Open MPI 4.1.4", or why there is no MPI.
std::string describe_mpi();
std::string describe_nccl();

}  // namespace stillpoint::kernels
