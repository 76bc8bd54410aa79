// Meets the limits of a process's memory (ulimit -v, -d) before a library does.
#pragma once
#include <cstddef>

namespace stillpoint::kernels {

// Called first in main. With a limit all threads share one heap, because each of glibc's own claims 64 MB of
// addresses. Throws std::bad_alloc if the limit leaves less than libraries need.
void start_within_limits();

// Returns the bytes that the limits leave for arrays, or the largest number if there is no limit.
std::size_t left_by_limits();

// Returns whether the limits leave what libraries need beside our own arrays: oneDNN's generated code ends
// the program with a fault if a small allocation fails. True if there is no limit.
bool leaves_room_for_libraries();

// Throws std::system_error or std::bad_alloc if the system would not start `threads` threads in all.
void require_threads(int threads);

}  // namespace stillpoint::kernels
