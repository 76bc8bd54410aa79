// Several copies of this program at once.
#pragma once
#include <ostream>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// Runs `count` copies with the arguments and waits for them. A copy that a signal ended is started again,
// `restarts` times in all; Ctrl-C and SIGTERM are passed on. 0 where all copies returned 0, else what the
// first other one returned.
int run_copies(const std::vector<std::string>& arguments, Index count, Index restarts, std::ostream& out);

// In a copy: ends as by Ctrl-C when the process that started it is gone.
void end_with_parent();

}  // namespace stillpoint
