// The threads of the CPU's loops: any thread may take any small piece of the work, so that a thread that is
// not running holds up nobody who could do its work.
#pragma once
#include <algorithm>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Returns the threads that a loop may use, this one included: at first $OMP_NUM_THREADS, or cores() of
// kernels/host/threads.h if that is not set. Returns 1 inside a piece of a loop.
int thread_count();
// Sets them for the whole process; n >= 1.
void set_thread_count(int n);

// Runs body(piece, slot) once for every piece in [0, pieces), in any order, and rethrows the first exception
// of a piece. slot < `slots` is the scratch that a piece may use: no two pieces of one slot run at once. A
// loop inside a piece, or one that starts while another thread's loop runs, stays on its thread, in slot 0.
// Results must depend only on pieces, never on slots.
using Piece = void (*)(const void* body, Index piece, int slot);
void run_pieces(Index pieces, int slots, Piece piece, const void* body);

// Returns the slots for a loop of so many pieces: 1 if it is not worth a second thread.
inline int slots_for(Index pieces, bool worthwhile = true) {
  return worthwhile ? int(std::clamp<Index>(pieces, 1, thread_count())) : 1;
}

template <class Body>
void parallel(Index pieces, int slots, const Body& body) {
  if (slots == 1 || pieces <= 1) {
    for (Index piece = 0; piece < pieces; ++piece) body(piece, 0);
    return;
  }
  run_pieces(
      pieces, slots,
      [](const void* b, Index piece, int slot) { (*static_cast<const Body*>(b))(piece, slot); }, &body);
}

template <class Body>
void parallel(Index pieces, const Body& body) {
  parallel(pieces, slots_for(pieces), [&](Index piece, int) { body(piece); });
}

// Calls body(begin, end) for ranges that cover [0, n): at most 64, equally long, of `least` elements or more;
// one range if it is not worth a second thread.
template <class Body>
void parallel_ranges(Index n, Index least, bool worthwhile, const Body& body) {
  const Index pieces = worthwhile ? std::min<Index>(n / std::max<Index>(least, 1) / 2 * 2, 64) : 0;
  if (pieces < 2) return body(Index(0), n);
  parallel(pieces, [&](Index piece) { body(n * piece / pieces, n * (piece + 1) / pieces); });
}

}  // namespace stillpoint::kernels
