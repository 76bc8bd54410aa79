// Lets ranks meet, and ends a wait that cannot end: a rank is gone, or all ranks wait.
#include "libraries/communicator.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

namespace simt {
namespace {

constexpr std::size_t text_bytes = 160;
constexpr auto patience = std::chrono::seconds(3);  // no rank did anything for so long

bool is_gone(std::int64_t process) { return ::kill(pid_t(process), 0) != 0 && errno == ESRCH; }

}  // namespace

// What a rank does: `steps` grows whenever it begins or ends a wait.
struct Slot {
  std::uint64_t steps;
  int waits;
  char what[text_bytes];
};

class Board {
 public:
  Board(const ncclUniqueId& id, int rank, int ranks) : rank_(rank), ranks_(ranks) {
    std::snprintf(name_, sizeof name_, "/simt-%02x%02x%02x%02x%02x%02x%02x%02x", byte(id, 0), byte(id, 1),
                  byte(id, 2), byte(id, 3), byte(id, 4), byte(id, 5), byte(id, 6), byte(id, 7));
    const int file = ::shm_open(name_, O_RDWR | O_CREAT, 0600);
    if (file < 0) return;
    if (::ftruncate(file, off_t(bytes())) == 0) {
      void* const memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (memory != MAP_FAILED) slots_ = static_cast<Slot*>(memory);
    }
    ::close(file);
  }
  ~Board() {
    if (slots_ != nullptr) ::munmap(slots_, bytes());
    ::shm_unlink(name_);
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  void say(const char* what, bool waits) {
    if (slots_ == nullptr) return;
    Slot& own = slots_[rank_];
    std::snprintf(own.what, text_bytes, "%s", what);
    own.waits = waits;
    ++own.steps;
  }
  // Returns a number that changes with what any rank does; 0 if a rank does not wait.
  std::uint64_t state() const {
    std::uint64_t sum = 1;
    for (int i = 0; slots_ != nullptr && i < ranks_; ++i) {
      if (slots_[i].waits == 0) return 0;
      sum = sum * 31 + slots_[i].steps;
    }
    return slots_ != nullptr ? sum : 0;
  }
  std::string all() const {
    std::string text;
    for (int i = 0; i < ranks_; ++i)
      text += (i == 0 ? "rank " : "; rank ") + std::to_string(i) + " " + slots_[i].what;
    return text;
  }

 private:
  static unsigned byte(const ncclUniqueId& id, int i) { return static_cast<unsigned char>(id.internal[i]); }
  std::size_t bytes() const { return std::size_t(ranks_) * sizeof(Slot); }
  int rank_, ranks_;
  char name_[40] = {};
  Slot* slots_ = nullptr;
};

namespace {

std::vector<std::weak_ptr<Board>>& boards() {
  static auto* const instance = new std::vector<std::weak_ptr<Board>>;
  return *instance;
}

// Says on all boards that this rank waits for the others outside of NCCL, or that it continues.
void say_everywhere(const char* what, bool waits) {
  for (const auto& weak : boards())
    if (const auto board = weak.lock(); board != nullptr) board->say(what, waits);
}

}  // namespace

std::shared_ptr<Board> open_board(const ncclUniqueId& id, int rank, int ranks) {
  auto board = std::make_shared<Board>(id, rank, ranks);
  boards().push_back(board);
  return board;
}

bool wait_for(ncclComm& comm, std::vector<MPI_Request>& requests, const std::string& what) {
  using Clock = std::chrono::steady_clock;
  const std::string text = "waits in " + what;
  const struct Saying {
    explicit Saying(const char* words) { say_everywhere(words, true); }
    ~Saying() { say_everywhere("runs host code", false); }
  } saying(text.c_str());
  std::uint64_t state = 0;
  auto since = Clock::now();
  for (int tries = 0;; ++tries) {
    int done = 0;
    if (MPI_Testall(int(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
      comm.error = ncclRemoteError;
    if (done != 0) return true;
    if (tries < 1000) continue;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (tries % 100 == 0)
      for (const std::int64_t process : comm.processes)
        if (is_gone(process)) comm.error = ncclRemoteError;
    if (comm.error != ncclSuccess) return false;
    const std::uint64_t now = comm.board != nullptr ? comm.board->state() : 0;
    if (now == 0 || now != state) state = now, since = Clock::now();
    if (state != 0 && Clock::now() - since > patience)
      throw Violation(Check::sync, "deadlock: all ranks wait for each other: " + comm.board->all());
  }
}

std::vector<char> gather(ncclComm& comm, const void* data, std::size_t bytes, const std::string& what) {
  std::vector<char> all(bytes * std::size_t(comm.size));
  if (comm.ranks == MPI_COMM_NULL) {
    std::memcpy(all.data(), data, bytes);
    return all;
  }
  std::vector<MPI_Request> requests(1, MPI_REQUEST_NULL);
  MPI_Iallgather(data, int(bytes), MPI_BYTE, all.data(), int(bytes), MPI_BYTE, comm.ranks, requests.data());
  if (!wait_for(comm, requests, what)) all.clear();
  return all;
}

}  // namespace simt

// A rank that waits for the others in MPI, or that has finished, counts as one that waits.
extern "C" int MPI_Barrier(MPI_Comm comm) {
  simt::say_everywhere("waits in MPI_Barrier", true);
  const int status = PMPI_Barrier(comm);
  simt::say_everywhere("runs host code", false);
  return status;
}
extern "C" int MPI_Finalize() {
  simt::say_everywhere("has finished", true);
  return PMPI_Finalize();
}
