// Fibers: stacks that a host thread switches between. Each runs one device thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(SIMT_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#define SIMT_USE_UCONTEXT 1
#include <ucontext.h>
#else
#define SIMT_USE_UCONTEXT 0
#endif

namespace simt {

class Fiber {
 public:
  Fiber() = default;                // the host's own stack, filled in on leaving it
  explicit Fiber(void (*entry)());  // a new stack; `entry` never returns
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Drops what the fiber was doing: the next switch to it calls `entry` anew. Nothing is unwound.
  void reset();
  // Returns whether nothing has been written at the low end of the stack.
  bool intact() const {
    std::uint64_t end;
    std::memcpy(&end, stack_, sizeof end);
    return end == canary;
  }
  // Returns whether less than an eighth of the stack is left. The fiber itself has to ask. The last eighth is
  // for the code that reports the fault.
  bool is_nearly_full() const {
    return static_cast<const char*>(__builtin_frame_address(0)) - stack_ < std::ptrdiff_t(bytes_ / 8);
  }
  // Loads into the cache what the fiber needs first when it continues.
  void prefetch() const {
    const char* const top = static_cast<const char*>(stack_pointer_);
    for (int line = 0; line < 6; ++line) __builtin_prefetch(top + 64 * line);
  }
  // The frame that called the kernel.
  void set_base(const void* frame) { base_ = frame; }
  const void* base() const { return base_; }
  const char* stack() const { return stack_; }
  std::size_t stack_size() const { return bytes_; }
  // Leaves `from` and continues in `to`; returns when something switches back to `from`.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  friend void fiber_entered(Fiber& self);
  void forget_frames();
  static constexpr std::uint64_t canary = 0x5ca1ab1e0ddba11dull;

  void* stack_pointer_ = nullptr;
  char* stack_ = nullptr;  // low end
  std::size_t bytes_ = 0, colour_ = 0;
  void (*entry_)() = nullptr;
  const void* base_ = nullptr;
  void* fake_stack_ = nullptr;  // of AddressSanitizer
  const void* sanitizer_stack_ = nullptr;
  std::size_t sanitizer_bytes_ = 0;
#if SIMT_USE_UCONTEXT
  ucontext_t context_ = {};
#endif
};

// Has to be the first call of every `entry`; tells AddressSanitizer that the switch is complete.
void fiber_entered(Fiber& self);

}  // namespace simt
