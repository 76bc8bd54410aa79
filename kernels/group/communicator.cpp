// The group of ranks by MPI; without MPI it has one rank.
#include "kernels/group/communicator.h"

#include <sched.h>
#include <unistd.h>

#include <limits>
#include <optional>

#include "kernels/group/launch_environment.h"
#include "kernels/host/threads.h"
#if STILLPOINT_MPI
#include <mpi.h>
#endif
#if STILLPOINT_NCCL
#include "kernels/group/nccl_sums.h"
#endif

namespace stillpoint::kernels {
namespace {

Communicator* joined_group = nullptr;

}  // namespace

#if STILLPOINT_MPI
namespace {

void check(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char message[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, message, &length);
  throw RankLost(text(call, ": ", std::string(message, std::size_t(length)),
                      ", expected all ranks to answer, see what the others printed"));
}

MPI_Datatype type_of(const Array& values) {
  require(values.dtype != DType::int32, "communicator: given ", name_of(values.dtype),
          ", expected float32 or float64, convert it first");
  return values.dtype == DType::float64 ? MPI_DOUBLE : MPI_FLOAT;
}

int count_of(std::int64_t size) {
  require(size <= std::numeric_limits<int>::max(), "communicator: given ", size,
          " values, expected fewer than 2^31, sum them in parts");
  return int(size);
}

}  // namespace

// Gradients, notes and everything else have separate communicators, so that none waits for the turn of
// another.
struct Communicator::Links {
  MPI_Comm sums = MPI_COMM_NULL, other = MPI_COMM_NULL, notes = MPI_COMM_NULL;
  std::vector<MPI_Request> started;  // on `sums`
#if STILLPOINT_NCCL
  std::optional<NcclSums> gpu;
#endif

  bool test_all() {
    int done = 0;
    check(MPI_Testall(int(started.size()), started.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (done != 0) started.clear();
    return done != 0;
  }
};

struct Communicator::Pending {
  std::vector<double> values;
  MPI_Request request = MPI_REQUEST_NULL;
};

namespace {

bool test(MPI_Request& request) {
  int done = 0;
  check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

}  // namespace
#else
struct Communicator::Links {};
struct Communicator::Pending {
  std::vector<double> values;
};
#endif

Communicator::Communicator() = default;
Communicator::~Communicator() = default;

Communicator& Communicator::alone() {
  static Communicator group;
  return group;
}

Communicator& Communicator::world() {
  static Communicator group;
  static bool asked = false;
  if (!asked && launched_processes() != 1) group.join();
  asked = true;
  if (group.size_ > 1) joined_group = &group;
  return group;
}

Communicator* Communicator::joined() { return joined_group; }

#if STILLPOINT_MPI

void Communicator::join() {
  int level = 0, rank = 0, size = 1;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
  require(level >= MPI_THREAD_FUNNELED, "mpirun: given an MPI of thread level ", level, " (", describe_mpi(),
          "), expected at least ", MPI_THREAD_FUNNELED, ", MPI_THREAD_FUNNELED; build it with threads");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  rank_ = rank;
  size_ = size;
  const Index expected = launched_processes();
  require(expected == 0 || expected == size_, "mpirun: started ", expected, " processes, but MPI finds ",
          size_, ", expected the launcher of the MPI that this program is built with (", describe_mpi(),
          "), start it with that one's mpirun");
  links_ = std::make_unique<Links>();
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  check(MPI_Comm_dup(MPI_COMM_WORLD, &links_->sums), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &links_->other), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &links_->notes), "MPI_Comm_dup");
  meet_local_ranks();
}

void Communicator::meet_local_ranks() {
  MPI_Comm local = MPI_COMM_NULL;
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, int(rank_), MPI_INFO_NULL, &local),
        "MPI_Comm_split_type");
  int rank = 0, size = 1;
  MPI_Comm_rank(local, &rank);
  MPI_Comm_size(local, &size);
  local_rank_ = rank;
  local_size_ = size;
  const std::int64_t own[2] = {rank_, ::getpid()};
  std::vector<std::int64_t> all(std::size_t(2 * size));
  check(MPI_Allgather(own, 2, MPI_INT64_T, all.data(), 2, MPI_INT64_T, local), "MPI_Allgather");
  processes_.assign(std::size_t(size_), 0);
  for (std::size_t i = 0; i < std::size_t(size); ++i) processes_[std::size_t(all[2 * i])] = all[2 * i + 1];
  cpu_set_t cores, of_all;
  CPU_ZERO(&cores);
  ::sched_getaffinity(0, sizeof cores, &cores);
  check(MPI_Allreduce(&cores, &of_all, sizeof cores, MPI_BYTE, MPI_BOR, local), "MPI_Allreduce");
  local_cores_ = within_quota(CPU_COUNT(&of_all));
  MPI_Comm_free(&local);
}

void Communicator::leave() {
  Communicator& group = world();
  if (group.links_ == nullptr) return;
  group.barrier();
  group.take_notes();
  joined_group = nullptr;
#if STILLPOINT_NCCL
  group.links_->gpu.reset();
#endif
  MPI_Comm_free(&group.links_->sums);
  MPI_Comm_free(&group.links_->other);
  MPI_Comm_free(&group.links_->notes);
  group.links_.reset();
  group.size_ = group.local_size_ = 1;
  MPI_Finalize();
}

void Communicator::abort(int code) {
  if (joined_group != nullptr) MPI_Abort(MPI_COMM_WORLD, code);
}

#if STILLPOINT_NCCL

void Communicator::prepare(Device device) {
  if (size_ == 1 || device == Device::cpu || links_->gpu) return;
  const std::string id = broadcast(rank_ == 0 ? NcclSums::make_id() : "");
  links_->gpu.emplace(rank_, size_, id);
}

bool Communicator::on_gpu(const Array& values) const {
  require(values.device == Device::cpu || links_->gpu,
          "communicator: given values on a GPU that is not prepared, ",
          "expected a call of prepare before the first sum");
  return values.device == Device::cuda;
}

void Communicator::wait_for(Device device) {
  if (size_ > 1 && device == Device::cuda && links_->gpu) wait_until([&] { return links_->gpu->idle(); });
}

#else

void Communicator::prepare(Device device) {
  require(size_ == 1 || device == Device::cpu, "communicator: given ", size_,
          " ranks with a GPU each, expected a ",
          "build with NCCL to sum over them; install libnccl-dev and configure again, or use --device cpu");
}
bool Communicator::on_gpu(const Array&) const { return false; }
void Communicator::wait_for(Device) {}

#endif

void Communicator::start_sum(const Array& values) {
  if (size_ == 1) return;
#if STILLPOINT_NCCL
  if (on_gpu(values)) return links_->gpu->start(values);
#endif
  links_->started.push_back(MPI_REQUEST_NULL);
  check(MPI_Iallreduce(MPI_IN_PLACE, values.data, count_of(values.size), type_of(values), MPI_SUM,
                       links_->sums, &links_->started.back()),
        "MPI_Iallreduce");
}

void Communicator::progress() {
  if (links_ != nullptr && !links_->started.empty()) links_->test_all();
}

void Communicator::finish_sums() {
  if (links_ == nullptr) return;
#if STILLPOINT_NCCL
  if (links_->gpu) links_->gpu->finish();
#endif
  if (!links_->started.empty()) wait_until([&] { return links_->test_all(); });
}

void Communicator::sum(const Array& values) {
  if (size_ == 1) return;
#if STILLPOINT_NCCL
  if (on_gpu(values)) return links_->gpu->sum(values);
#endif
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(MPI_IN_PLACE, values.data, count_of(values.size), type_of(values), MPI_SUM,
                       links_->other, &request),
        "MPI_Iallreduce");
  wait_until([&] { return test(request); });
}

std::shared_ptr<Communicator::Pending> Communicator::start_sum(std::vector<double> values) {
  auto pending = std::make_shared<Pending>();
  pending->values = std::move(values);
  if (size_ > 1)
    check(MPI_Iallreduce(MPI_IN_PLACE, pending->values.data(), count_of(std::int64_t(pending->values.size())),
                         MPI_DOUBLE, MPI_SUM, links_->other, &pending->request),
          "MPI_Iallreduce");
  return pending;
}

std::vector<double> Communicator::wait(const std::shared_ptr<Pending>& pending) {
  if (pending->request != MPI_REQUEST_NULL) wait_until([&] { return test(pending->request); });
  return pending->values;
}

std::string Communicator::broadcast(std::string value) {
  if (size_ == 1) return value;
  const auto send = [&](void* data, std::int64_t bytes) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(data, count_of(bytes), MPI_BYTE, 0, links_->other, &request), "MPI_Ibcast");
    wait_until([&] { return test(request); });
  };
  std::int64_t bytes = std::int64_t(value.size());
  send(&bytes, sizeof bytes);
  value.resize(std::size_t(bytes));
  send(value.data(), bytes);
  return value;
}

std::vector<std::uint64_t> Communicator::gather(std::uint64_t value) {
  std::vector<std::uint64_t> all(std::size_t(size_), value);
  if (size_ == 1) return all;
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(&value, 1, MPI_UINT64_T, all.data(), 1, MPI_UINT64_T, links_->other, &request),
        "MPI_Iallgather");
  wait_until([&] { return test(request); });
  return all;
}

void Communicator::barrier() {
  if (size_ == 1) return;
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(links_->other, &request), "MPI_Ibarrier");
  wait_until([&] { return test(request); });
}

void Communicator::send_notes() const {
  for (Index r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    MPI_Request request = MPI_REQUEST_NULL;  // of no bytes: no buffer has to live until it has arrived
    check(MPI_Isend(nullptr, 0, MPI_BYTE, int(r), 0, links_->notes, &request), "MPI_Isend");
    MPI_Request_free(&request);
  }
}

std::vector<Index> Communicator::take_notes() const {
  std::vector<Index> ranks;
  for (;;) {
    int there = 0;
    MPI_Status status;
    check(MPI_Iprobe(MPI_ANY_SOURCE, 0, links_->notes, &there, &status), "MPI_Iprobe");
    if (there == 0) return ranks;
    check(MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, 0, links_->notes, MPI_STATUS_IGNORE), "MPI_Recv");
    ranks.push_back(status.MPI_SOURCE);
  }
}

std::string describe_mpi() {
  char library[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(library, &length);
  const std::string whole(library, std::size_t(length));
  return text("MPI ", MPI_VERSION, ".", MPI_SUBVERSION, ", ", whole.substr(0, whole.find_first_of(",\n")));
}

#else

void Communicator::join() {
  fail("mpirun: started this program as one of several, but it was built without MPI, expected a build with ",
       "it; install libopenmpi-dev and configure again, or start one process");
}
void Communicator::meet_local_ranks() {}
void Communicator::leave() {}
void Communicator::abort(int) {}
void Communicator::prepare(Device) {}
bool Communicator::on_gpu(const Array&) const { return false; }
void Communicator::wait_for(Device) {}
void Communicator::start_sum(const Array&) {}
void Communicator::progress() {}
void Communicator::finish_sums() {}
void Communicator::sum(const Array&) {}
std::shared_ptr<Communicator::Pending> Communicator::start_sum(std::vector<double> values) {
  return std::make_shared<Pending>(Pending{std::move(values)});
}
std::vector<double> Communicator::wait(const std::shared_ptr<Pending>& pending) { return pending->values; }
std::string Communicator::broadcast(std::string value) { return value; }
std::vector<std::uint64_t> Communicator::gather(std::uint64_t value) { return {value}; }
void Communicator::barrier() {}
void Communicator::send_notes() const {}
std::vector<Index> Communicator::take_notes() const { return {}; }
std::string describe_mpi() { return "not built in; a run has one process"; }

#endif

// Work on a GPU that waits for a lost rank would wait for ever, and so would everything behind it.
void Communicator::abandon_gpu() noexcept {
#if STILLPOINT_NCCL
  if (links_ != nullptr && links_->gpu) links_->gpu->abort();
#endif
}

#if STILLPOINT_NCCL
void Communicator::use_own_gpu() const {
  if (size_ > 1) choose_gpu(local_rank_);
}
#else
void Communicator::use_own_gpu() const {}
std::string describe_nccl() { return "not built in; GPUs cannot train together"; }
#endif

void Communicator::wait_until(const std::function<bool()>& done) {
  try {
    poll(done);
  } catch (const RankLost&) {
    abandon_gpu();
    throw;
  }
}

}  // namespace stillpoint::kernels
