// Threads that help with loops: each has a share of the pieces, and takes from others' when its own is done.
#include "kernels/host/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/host/threads.h"
#include "kernels/launch/subnormals.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace stillpoint::kernels {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long a thread waits awake before it sleeps. It waits long if the cores are its own, because falling
// asleep and waking take tens of microseconds. It waits briefly if it was lately taken off its core, or
// waited for a thread that was: the time that it spends waiting is taken from the time that it gets for work.
class Patience {
 public:
  // Returns whether `done` came true. `means_others`: a wait in vain means that others are on the cores.
  template <class Done>
  bool wait(bool means_others, const Done& done) {
    const Clock::time_point start = Clock::now();
    for (Clock::time_point last = start;;) {
      for (int i = 0; i < 8; ++i, pause())
        if (done()) return true;
      const Clock::time_point now = Clock::now();
      if (now - last > off_core) hurried_until_ = now + memory;
      last = now;
      if (now - start < (now < hurried_until_ ? brief : calm)) continue;
      if (means_others) hurried_until_ = now + memory;
      return false;
    }
  }

 private:
  static constexpr std::chrono::microseconds brief{20}, calm{2000}, off_core{200}, memory{100000};
  Clock::time_point hurried_until_{};
};

// Sleeps while `word` is 1, for at most a few milliseconds.
void sleep_on(std::atomic<int>& word, std::chrono::nanoseconds most) {
  const std::timespec limit{most / 1s, most % 1s / 1ns};
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, most > 0s ? &limit : nullptr, nullptr, 0);
}
// Ends the sleep of the thread that set `word`, if one did.
bool wake(std::atomic<int>& word) {
  if (word.load() == 0 || word.exchange(0) == 0) return false;
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  return true;
}

// What remains of a share, in one word, so that a piece is taken by one exchange. A thread that takes a piece
// finds its loop unchanged until the piece is done, so a thread that comes late joins whatever loop there is.
struct Tickets {
  std::uint64_t next : 24 = 0, end : 24 = 0, slots : 16 = 0;
};
static_assert(sizeof(Tickets) == 8 && std::atomic<Tickets>::is_always_lock_free);
constexpr int most_threads = 4096;
constexpr Index most_pieces = (1 << 24) - 1;

struct alignas(128) Share {
  std::atomic<Tickets> tickets{Tickets{}};
  Piece piece = nullptr;
  const void* body = nullptr;
  std::uint64_t mode = 0;              // of the caller's floating-point unit
  std::atomic<int> asleep{0};          // its helper sleeps
  std::atomic<std::uint64_t> done{0};  // pieces that its helper has done since it started
};

int threads_at_start() {
  const char* const asked = std::getenv("OMP_NUM_THREADS");
  const int n = asked != nullptr ? std::atoi(asked) : 0;
  return n > 0 ? std::min(n, most_threads) : cores();
}

thread_local bool inside = false;  // a piece

class Pool {
 public:
  std::atomic<int> wanted{threads_at_start()};

  bool try_run(Index pieces, int slots, Piece piece, const void* body) {
    if (inside || pieces > most_pieces || occupied_.exchange(true, std::memory_order_acquire)) return false;
    slots = start_helpers(slots);
    if (slots > 1) run(pieces, slots, piece, body);
    const std::exception_ptr thrown = std::exchange(thrown_, nullptr);
    occupied_.store(false, std::memory_order_release);
    if (thrown != nullptr) std::rethrow_exception(thrown);
    return slots > 1;
  }

 private:
  std::unique_ptr<Share[]> shares_{new Share[most_threads]};
  std::atomic<int> count_{1};  // shares: the caller's and one per helper
  std::atomic<bool> occupied_{false};
  std::uint64_t done_before_ = 0;             // pieces that helpers had done before this loop
  alignas(128) std::atomic<int> waiting_{0};  // the caller sleeps
  Patience patience_;                         // the caller's
  std::mutex mutex_;
  std::exception_ptr thrown_;

  // Starts as many as can be had, and returns the slots that there are then.
  int start_helpers(int slots) {
    slots = std::min(slots, most_threads);
    if (count_.load(std::memory_order_relaxed) >= slots) return slots;
    sigset_t all, before;  // no handler runs on a helper
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (int me = count_.load(); me < slots; ++me) {
        std::thread([this, me] { help(me); }).detach();
        count_.store(me + 1);
      }
    } catch (const std::system_error&) {  // the system grants no more threads
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return std::min(slots, count_.load());
  }

  void run(Index pieces, int slots, Piece piece, const void* body) {
    const std::uint64_t mode = floating_mode();
    for (int s = slots; s-- > 0;) {
      Share& share = shares_[s];
      share.piece = piece;
      share.body = body;
      share.mode = mode;
      share.tickets.store(
          {std::uint64_t(pieces * s / slots), std::uint64_t(pieces * (s + 1) / slots), std::uint64_t(slots)},
          std::memory_order_release);
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (int s = 1; s < slots; ++s) wake(shares_[s].asleep);
    inside = true;
    const Index own = work(0);
    inside = false;
    done_before_ += std::uint64_t(pieces - own);
    wait_for_helpers();
  }

  bool helpers_are_done() const {
    std::uint64_t done = 0;
    for (int s = 1; s < count_.load(std::memory_order_relaxed); ++s)
      done += shares_[s].done.load(std::memory_order_acquire);
    return done == done_before_;
  }

  void wait_for_helpers() {
    if (patience_.wait(true, [&] { return helpers_are_done(); })) return;
    for (;;) {
      waiting_.store(1);
      if (helpers_are_done()) break;
      sleep_on(waiting_, 5ms);
    }
    waiting_.store(0, std::memory_order_relaxed);
  }

  static bool take(Share& share, int me, Index& piece) {
    Tickets t = share.tickets.load(std::memory_order_relaxed);
    while (t.next < t.end && me < t.slots)
      if (Tickets rest = t; ++rest.next, share.tickets.compare_exchange_weak(
                                             t, rest, std::memory_order_acquire, std::memory_order_relaxed)) {
        piece = Index(t.next);
        return true;
      }
    return false;
  }

  // Does what remains of all shares, its own first; returns how many pieces that was.
  Index work(int me) {
    Index taken = 0;
    const int count = count_.load(std::memory_order_relaxed);
    for (int i = 0; i < count; ++i) {
      Share& share = shares_[(me + i) % count];
      for (Index piece; take(share, me, piece); ++taken) {
        if (me > 0) set_floating_mode(share.mode);
        try {
          share.piece(share.body, piece, me);
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (thrown_ == nullptr) thrown_ = std::current_exception();
        }
        if (me > 0)
          shares_[me].done.store(shares_[me].done.load(std::memory_order_relaxed) + 1,
                                 std::memory_order_release);
      }
    }
    return taken;
  }

  [[noreturn]] void help(int me) {
    inside = true;
    Share& own = shares_[me];
    Patience patience;
    for (;;) {
      if (work(me) > 0) {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        wake(waiting_);
      }
      const auto work_comes = [&] {
        const Tickets t = own.tickets.load(std::memory_order_relaxed);
        return t.next < t.end;
      };
      if (patience.wait(false, work_comes)) continue;
      own.asleep.store(1);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (work(me) == 0) sleep_on(own.asleep, 0s);
      own.asleep.store(0);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      wake(waiting_);
    }
  }
};

// The pool is never destroyed: its threads may outlive whatever is destroyed at exit.
Pool& pool() {
  static Pool* const pool = new Pool;
  return *pool;
}

}  // namespace

int thread_count() { return inside ? 1 : pool().wanted.load(std::memory_order_relaxed); }
void set_thread_count(int n) { pool().wanted = std::max(n, 1); }

void run_pieces(Index pieces, int slots, Piece piece, const void* body) {
  if (pool().try_run(pieces, slots, piece, body)) return;
  for (Index i = 0; i < pieces; ++i) piece(body, i, 0);
}

}  // namespace stillpoint::kernels
