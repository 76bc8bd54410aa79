// Shows a run's progress: a line that overwrites itself on a terminal, a plain line now and then elsewhere.
#pragma once
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace stillpoint {

struct ProgressState {
  std::int64_t step = 0, total = 0;
  double loss = 0;
  std::string metric_name = {};  // empty: none
  double metric = 0;
  double examples_per_second = 0;
  double seconds_left = -1;  // negative: not known yet
};

// Returns the fields that fit into `width` columns, in ASCII without a line end; drops those on the right.
std::string format_progress(const ProgressState& state, int width);

// Returns whether this is a terminal that understands control sequences.
bool is_terminal(int fd);
// Returns the columns of the terminal, or 80 if it does not report them.
int terminal_width(int fd);

struct ProgressOptions {
  bool terminal = false;
  std::int64_t first_step = 0;         // of this process, if the run was resumed
  double plain_interval = 10;          // seconds between plain lines
  std::function<int()> width = {};     // columns; empty: those of stderr
  std::function<double()> clock = {};  // seconds; empty: the steady clock
};

// Only one thread at a time may use it. The stream must outlive it.
class Progress {
 public:
  Progress(std::int64_t total_steps, std::ostream& out, ProgressOptions options = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // ends an open line

  // Draws at most ten times a second on a terminal, every plain_interval elsewhere.
  void update(std::int64_t step, double loss, std::string_view metric_name, double metric,
              double examples_per_second);
  // Prints a full line, and redraws the progress line below it.
  void message(std::string_view text);
  // Shows the last update even if it was not due, and ends the line.
  void done();

 private:
  void draw();
  void erase();

  std::ostream& out_;
  ProgressOptions options_;
  ProgressState state_;
  double start_ = 0, drawn_at_ = 0;
  bool has_state_ = false, shown_ = false, line_open_ = false;
};

}  // namespace stillpoint
