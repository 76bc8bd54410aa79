// Formats the progress line, and decides when and how it is drawn.
#include "tasks/io/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <vector>

#include "kernels/device/error.h"
#include "tasks/io/numbers.h"

namespace stillpoint {
namespace {

constexpr double terminal_interval = 0.1;  // seconds

}  // namespace

std::string format_progress(const ProgressState& state, int width) {
  const auto padded = [](std::string number, std::size_t columns) {
    return number.insert(0, columns - std::min(columns, number.size()), ' ');
  };
  const std::string total = std::to_string(state.total);
  const double percent =
      state.total > 0 ? 100.0 * static_cast<double>(state.step) / static_cast<double>(state.total) : 100.0;
  std::vector<std::string> fields{padded(std::to_string(state.step), total.size()) + "/" + total,
                                  padded(format_fixed(percent, 1), 5) + "%",
                                  "loss " + format_digits(state.loss)};
  if (!state.metric_name.empty()) fields.push_back(state.metric_name + " " + format_digits(state.metric));
  fields.push_back(format_duration(state.seconds_left) + " left");
  fields.push_back(format_rate(state.examples_per_second) + " examples/s");
  std::string line;
  const auto room = static_cast<std::size_t>(std::max(width, 0));
  for (const std::string& field : fields) {
    const std::string next = line.empty() ? field : line + "  " + field;
    if (next.size() > room) break;
    line = next;
  }
  return line;
}

bool is_terminal(int fd) {
  const char* name = std::getenv("TERM");
  return ::isatty(fd) == 1 && name != nullptr && std::string_view(name) != "dumb";
}

int terminal_width(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Progress::Progress(std::int64_t total_steps, std::ostream& out, ProgressOptions options)
    : out_(out), options_(std::move(options)) {
  require(total_steps >= 0 && options_.plain_interval >= 0, "Progress: ", total_steps,
          " steps and an interval of ", options_.plain_interval,
          " s, expected neither negative; check the run length");
  if (!options_.width) options_.width = [] { return terminal_width(STDERR_FILENO); };
  if (!options_.clock) {
    options_.clock = [] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
  }
  state_.total = total_steps;
  start_ = options_.clock();
  drawn_at_ = -std::numeric_limits<double>::infinity();
}

Progress::~Progress() {
  if (line_open_) out_ << std::endl;
}

void Progress::update(std::int64_t step, double loss, std::string_view metric_name, double metric,
                      double examples_per_second) {
  const double now = options_.clock();
  const auto steps = static_cast<double>(step - options_.first_step);
  const auto left = static_cast<double>(std::max<std::int64_t>(state_.total - step, 0));
  state_ = {.step = step,
            .total = state_.total,
            .loss = loss,
            .metric_name = std::string(metric_name),
            .metric = metric,
            .examples_per_second = examples_per_second,
            .seconds_left = steps > 0 ? (now - start_) / steps * left : -1};
  has_state_ = true;
  shown_ = false;
  if (now - drawn_at_ < (options_.terminal ? terminal_interval : options_.plain_interval)) return;
  drawn_at_ = now;
  draw();
}

void Progress::draw() {
  if (options_.terminal) {
    // One column stays free: a full row would wrap on some terminals. ESC [ K clears the rest of the row.
    out_ << '\r' << format_progress(state_, options_.width() - 1) << "\x1b[K" << std::flush;
    line_open_ = true;
  } else {
    out_ << format_progress(state_, std::numeric_limits<int>::max()) << std::endl;
  }
  shown_ = true;
}

void Progress::erase() {
  if (line_open_) out_ << "\r\x1b[K";
  line_open_ = false;
}

void Progress::message(std::string_view text) {
  const bool redraw = line_open_;
  erase();
  out_ << text << std::endl;
  if (redraw) draw();
}

void Progress::done() {
  if (has_state_ && !shown_) draw();
  if (line_open_) out_ << std::endl;
  line_open_ = false;
}

}  // namespace stillpoint
