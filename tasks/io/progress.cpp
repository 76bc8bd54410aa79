// Formats the progress line, and decides when and how it is drawn.
#include "tasks/io/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

constexpr double kTerminalInterval = 0.1;  // seconds

std::string printed(const char* format, auto... values) {
  std::array<char, 400> buffer;  // a double has up to 309 digits before its point
  std::snprintf(buffer.data(), buffer.size(), format, values...);
  return buffer.data();
}

// Keeps trailing zeros, so that the width of a changing number is steady, but removes a point at the end.
std::string significant(int digits, double value) {
  std::string number = printed("%#.*g", digits, value);
  if (number.back() == '.') number.pop_back();
  return number;
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds > 1e9) return "years";
  const auto s = static_cast<long long>(std::llround(seconds));
  if (s < 60) return printed("%lld s", s);
  if (s < 3600) return printed("%lld:%02lld", s / 60, s % 60);
  if (s < 86400) return printed("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return printed("%lld d %02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60);
}

std::string steady_number(double value) { return significant(4, value); }

std::string format_fixed(double value, int decimals) { return printed("%.*f", decimals, value); }

std::string format_rate(double per_second) {
  if (!std::isfinite(per_second)) return printed("%g", per_second);
  // From these limits on, three digits round up to the next unit.
  if (per_second >= 999.5e3) return significant(3, per_second / 1e6) + "M";
  if (per_second >= 999.5) return significant(3, per_second / 1e3) + "k";
  if (per_second >= 9.95) return format_fixed(per_second, 0);
  return format_fixed(per_second, per_second >= 0.995 ? 1 : 2);
}

std::string format_progress(const ProgressState& state, int width) {
  const std::string total = std::to_string(state.total), step = std::to_string(state.step);
  const std::string pad(total.size() - std::min(total.size(), step.size()), ' ');
  const double percent =
      state.total > 0 ? 100.0 * static_cast<double>(state.step) / static_cast<double>(state.total) : 100.0;
  std::vector<std::string> fields{pad + step + "/" + total, printed("%5.1f%%", percent),
                                  "loss " + steady_number(state.loss)};
  if (!state.metric_name.empty()) fields.push_back(state.metric_name + " " + steady_number(state.metric));
  fields.push_back(format_duration(state.seconds_left) + " left");
  fields.push_back(format_rate(state.examples_per_second) + " examples/s");
  std::string line;
  const auto columns = static_cast<std::size_t>(std::max(width, 0));
  for (const std::string& field : fields) {
    const std::string next = line.empty() ? field : line + "  " + field;
    if (next.size() > columns) break;
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
  if (now - drawn_at_ < (options_.terminal ? kTerminalInterval : options_.plain_interval)) return;
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
