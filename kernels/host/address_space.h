// The limits of a process's memory (ulimit -v, -d), met before a library meets them.
#pragma once
#include <cstddef>

namespace stillpoint::kernels {

// First in main. With a limit all threads share one heap, since each of glibc's own claims 64 MB of
// addresses; where the limit leaves less than libraries take, std::bad_alloc.
void start_within_limits();

// Bytes that the limits leave for arrays; the largest number where there is none.
std::size_t left_by_limits();

// Whether the limits leave what libraries take beside our own arrays: oneDNN's generated code ends
// the program with a fault where a small allocation fails. True where there is no limit.
bool leaves_room_for_libraries();

// Error, by std::system_error or std::bad_alloc, where the system would not start `threads` threads in all.
void require_threads(int threads);

}  // namespace stillpoint::kernels
