// Switches contexts: by a few instructions on x86-64 and aarch64, by ucontext elsewhere.
#include "machine/fiber.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#endif
#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !SIMT_USE_UCONTEXT
// Saves the callee-saved registers on the current stack, stores the stack pointer in *save, and switches to
// the stack of `load`.
extern "C" void stillpoint_simt_switch(void** save, void* load);
#if defined(__x86_64__)
constexpr std::size_t saved_words = 6;  // r15 r14 r13 r12 rbx rbp, then the return address
asm(R"(
.text
.p2align 4
.globl stillpoint_simt_switch
.hidden stillpoint_simt_switch
.type stillpoint_simt_switch, @function
stillpoint_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size stillpoint_simt_switch, .-stillpoint_simt_switch
)");
#else
constexpr std::size_t saved_words = 20;  // x19..x30, d8..d15
constexpr std::size_t link_word = 11;    // x30
asm(R"(
.text
.p2align 4
.globl stillpoint_simt_switch
.hidden stillpoint_simt_switch
.type stillpoint_simt_switch, %function
stillpoint_simt_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size stillpoint_simt_switch, .-stillpoint_simt_switch
)");
#endif
#endif

namespace simt {
namespace {

// AddressSanitizer puts red zones around every local variable, so that frames are several times larger.
#ifdef SIMT_ASAN
constexpr std::size_t stack_bytes = std::size_t(256) << 10;
#else
constexpr std::size_t stack_bytes = std::size_t(64) << 10;
#endif
// The tops of the stacks are at 64 offsets within a page; otherwise all fibers would share a few sets of the
// cache.
constexpr std::size_t colours = 64, colour_bytes = 64;

}  // namespace

Fiber::Fiber(void (*entry)()) : bytes_(stack_bytes), entry_(entry) {
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<char*>(memory);
  static std::atomic<std::size_t> stacks = 0;
  colour_ = stacks++ % colours * colour_bytes;
  sanitizer_stack_ = stack_;
  sanitizer_bytes_ = bytes_;
  reset();
}

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
  forget_frames();
  ::munmap(stack_, bytes_);
}

// Tells AddressSanitizer that no frame of the fiber is left. It frees a fake stack (where it keeps locals to
// find uses after return) when the owning fiber is left for good, so this pretends to leave it.
void Fiber::forget_frames() {
#ifdef SIMT_ASAN
  __asan_unpoison_memory_region(stack_, bytes_);
  if (fake_stack_ == nullptr) return;
  void* own_fake_stack = nullptr;
  const void* own_stack = nullptr;
  std::size_t own_bytes = 0;
  __sanitizer_start_switch_fiber(&own_fake_stack, stack_, bytes_);
  __sanitizer_finish_switch_fiber(fake_stack_, &own_stack, &own_bytes);
  __sanitizer_start_switch_fiber(nullptr, own_stack, own_bytes);
  __sanitizer_finish_switch_fiber(own_fake_stack, nullptr, nullptr);
  fake_stack_ = nullptr;
#endif
}

void Fiber::reset() {
  forget_frames();
  std::memcpy(stack_, &canary, sizeof canary);
#if SIMT_USE_UCONTEXT
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = bytes_ - colour_;
  context_.uc_link = nullptr;
  ::makecontext(&context_, entry_, 0);
#else
  void** top = reinterpret_cast<void**>(stack_ + bytes_ - colour_);
#if defined(__x86_64__)
  // At its first instruction, a function expects the stack pointer to be 8 above a multiple of 16.
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry_);
  for (std::size_t i = 0; i < saved_words; ++i) *--top = nullptr;
#else
  for (std::size_t i = 0; i < saved_words; ++i) *--top = nullptr;
  top[link_word] = reinterpret_cast<void*>(entry_);
#endif
  stack_pointer_ = top;
#endif
}

#ifdef SIMT_ASAN
// The fiber that was left. Only the side that is switched to learns where a host stack lies.
static thread_local Fiber* left = nullptr;
#endif

void fiber_entered([[maybe_unused]] Fiber& self) {
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(self.fake_stack_, &left->sanitizer_stack_, &left->sanitizer_bytes_);
#endif
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
#ifdef SIMT_ASAN
  left = &from;
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.sanitizer_stack_, to.sanitizer_bytes_);
#endif
#if SIMT_USE_UCONTEXT
  ::swapcontext(&from.context_, &to.context_);
#else
  stillpoint_simt_switch(&from.stack_pointer_, to.stack_pointer_);
#endif
  fiber_entered(from);
}

}  // namespace simt
