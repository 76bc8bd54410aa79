// Measures all rows of a request: ours, and those of peers in turn with them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tasks/bench/measure.h"

namespace stillpoint::bench {

struct Request {
  std::vector<Setting> settings;
  double seconds = 1;  // of a round of one program
  int rounds = 3;
  bool emulated = false;  // count instead of timing; the settings' device is then the emulator's CUDA
  std::vector<std::string> peers = {};
  std::string python = {};  // of the peers; empty: the usual one
};

// What happens on the way: a row begins, or it or its peer ("NAME by PEER") cannot be measured.
struct Watcher {
  std::function<void(std::size_t row, const std::string& name)> begins;
  std::function<void(const std::string& name, const std::exception& why)> failed;
};

// Returns the rows that could be measured; the failure of one does not end the others. Ends early, with what
// is there, if the program is told to stop. Throws Error if no setting can be run by a named peer.
std::vector<Row> measure_rows(const Request& request, const Watcher& watcher);

}  // namespace stillpoint::bench
