// Writes the data file and the script of gnuplot, and runs the child process that draws them.
#include "tasks/io/plot.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>
#include <system_error>
#include <thread>

#include "engine/io/descriptor.h"
#include "engine/io/files.h"
#include "kernels/device/error.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"

extern char** environ;

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFewPoints = 30;  // with at most so many points, each gets a mark

// Okabe and Ito's palette, which is distinct under the common kinds of colour blindness; black is last.
constexpr std::array kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

// Returns a gnuplot string in single quotes, in which only the quote itself has to be doubled.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : one_line(text)) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::size_t drawable_points(const Curve& curve, bool log_y) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    count += std::isfinite(curve.x[i]) && std::isfinite(curve.y[i]) && (!log_y || curve.y[i] > 0);
  }
  return count;
}

void check_plot(const Plot& plot) {
  require(!plot.name.empty() && plot.name.find_first_of("/\n") == std::string::npos && plot.name[0] != '.',
          "plot_curves: the name is '", plot.name, "', expected the stem of a file name without a folder");
  for (const Curve& curve : plot.curves) {
    require(curve.x.size() == curve.y.size(), "plot_curves: curve '", curve.label, "' of '", plot.name,
            "' has ", curve.x.size(), " x and ", curve.y.size(), " y, expected as many of both");
  }
}

// Returns one block per curve. Two blank lines separate blocks, which gnuplot then addresses by `index`.
std::string data_text(const Plot& plot) {
  std::ostringstream out;
  out << std::setprecision(std::numeric_limits<double>::max_digits10);
  const auto number = [&out](double v) { std::isfinite(v) ? out << v : out << "NaN"; };
  for (const Curve& curve : plot.curves) {
    out << "# " << one_line(curve.label) << '\n';
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      number(curve.x[i]);
      out << ' ';
      number(curve.y[i]);
      out << '\n';
    }
    if (curve.x.empty()) out << "NaN NaN\n";  // an empty block would shift the index of the next
    out << "\n\n";
  }
  return out.str();
}

std::string plot_command(const Plot& plot) {
  std::ostringstream out;
  const char* separator = "plot ";
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    const std::size_t points = drawable_points(curve, plot.log_y);
    if (points == 0) continue;
    out << separator << quoted(plot.name + ".dat") << " index " << i << " using 1:2 with "
        << (curve.points           ? "points pointtype 7 pointsize 1"
            : points <= kFewPoints ? "linespoints pointtype 7 pointsize 0.7"
                                   : "lines")
        << " linewidth 2 linecolor rgb '" << kColours[i % kColours.size()] << "'";
    if (!curve.points) out << " dashtype " << 1 + i / kColours.size() % 5;
    out << " title " << quoted(curve.label);
    separator = ", \\\n     ";
  }
  return out.str();
}

std::string script_text(const Plot& plot, const std::string& command) {
  std::ostringstream out;
  out << "# Draws " << plot.name << ".png and " << plot.name << ".svg from " << plot.name << ".dat.\n"
      << "set encoding utf8\n"
      << "set title " << quoted(plot.title) << " font ',17' textcolor rgb '#222222' offset 0,-0.2\n"
      << "set xlabel " << quoted(plot.xlabel) << " textcolor rgb '#222222'\n"
      << "set ylabel " << quoted(plot.ylabel) << " textcolor rgb '#222222'\n"
      << "set border 3 linewidth 1 linecolor rgb '#666666'\n"
      << "set tics nomirror out scale 0.6 textcolor rgb '#222222'\n"
      << "set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#dddddd'\n"
      << "set key " << (plot.curves.size() > 1 ? "outside below center horizontal" : "off")
      << " Left reverse spacing 1.3 samplen 2.5 width 1 height 1 maxrows 4 textcolor rgb '#222222'\n"
      << "set lmargin 11\nset rmargin 4\nset tmargin 3.2\n"
      << "set autoscale xfix\n"
      << "set offsets graph 0.01, graph 0.01, graph " << (plot.log_y ? "0, graph 0" : "0.04, graph 0.02")
      << "\n";
  if (plot.log_y) out << "set logscale y\n";
  if (plot.equal_axes) out << "set size ratio -1\n";
  out << "if (strstrt(GPVAL_TERMINALS, ' pngcairo ') > 0) {\n"
      << "  set terminal pngcairo noenhanced size 960,600 font 'DejaVu Sans,13' background '#ffffff'\n"
      << "} else {\n  set terminal png noenhanced size 960,600 font ',13'\n}\n"
      << "set output " << quoted(plot.name + ".png") << "\n"
      << command << "\n"
      << "set terminal svg noenhanced size 960,600 font 'DejaVu Sans,15' background '#ffffff'\n"
      << "set output " << quoted(plot.name + ".svg") << "\n"
      << "replot\nunset output\n";
  return out.str();
}

// Owns the arguments of posix_spawn. Without a shell, no character of a name has a special meaning.
struct SpawnActions {
  SpawnActions() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &original_signal_mask());
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

int start_gnuplot(const fs::path& folder, const std::string& script, int output, pid_t& pid) {
  SpawnActions spawn;
  posix_spawn_file_actions_addopen(&spawn.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&spawn.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&spawn.actions, output, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&spawn.actions, folder.c_str());
  std::string program = "gnuplot", no_user_settings = "-d", argument = script;
  char* arguments[] = {program.data(), no_user_settings.data(), argument.data(), nullptr};
  return posix_spawnp(&pid, program.c_str(), &spawn.actions, &spawn.attributes, arguments, environ);
}

// Decides whether a wait is over: at its limit, or if this program is told to end.
class GiveUp {
 public:
  explicit GiveUp(std::chrono::milliseconds limit) : limit_(limit) {}
  bool operator()() const { return Clock::now() - begun_ >= limit_ || told(); }
  std::string why() const {
    return told() ? "since this program was told to end"
                  : text("after ", std::chrono::duration<double>(limit_).count(), " s");
  }

 private:
  std::chrono::milliseconds limit_;
  Clock::time_point begun_ = Clock::now();
  bool told_before_ = InterruptGuard::interrupted();
  bool told() const { return !told_before_ && InterruptGuard::interrupted(); }
};

// Collects what the child prints until it closes its end. Returns false if the wait was given up.
bool collect_output(int fd, const GiveUp& give_up, std::string& output) {
  std::array<char, 4096> chunk;
  while (!give_up()) {
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, 20);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return false;
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    if (output.size() < chunk.size()) output.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return false;
}

// Waits for a child that has closed its output. Kills it and returns false if the wait is given up.
bool end_of(pid_t pid, const GiveUp& give_up, int& status) {
  for (pid_t ended = 0; (ended = ::waitpid(pid, &status, WNOHANG)) != pid;) {
    if (ended < 0 && errno != EINTR) return false;
    if (give_up()) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Returns an empty text on success, otherwise the problem.
std::string run_gnuplot(const fs::path& folder, const std::string& script, std::chrono::milliseconds limit) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return "no pipe: " + std::generic_category().message(errno);
  const Descriptor from(pipe[0]);
  Descriptor to(pipe[1]);
  pid_t pid = 0;
  const int code = start_gnuplot(folder, script, to, pid);
  to.close();
  if (code == ENOENT) return "gnuplot is not on the PATH; install it (gnuplot-nox) to get pictures";
  if (code != 0) return "gnuplot did not start: " + std::generic_category().message(code);
  std::string output;
  const GiveUp give_up(limit);
  const bool quiet = collect_output(from, give_up, output);
  int status = 0;
  if (!end_of(pid, give_up, status) || !quiet) return text("gnuplot was stopped ", give_up.why());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  output = one_line(output);
  output.erase(0, output.find_first_not_of(' '));
  return "gnuplot failed" + (output.empty() ? "" : ": " + output.substr(0, 300));
}

bool has_content(const fs::path& path) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  return !code && size > 0;
}

}  // namespace

PlotResult plot_curves(const fs::path& folder, const Plot& plot, std::chrono::milliseconds limit) {
  check_plot(plot);
  const std::string command = plot_command(plot);
  const fs::path png = folder / (plot.name + ".png"), svg = folder / (plot.name + ".svg");
  write_atomically(folder / (plot.name + ".dat"), data_text(plot));
  write_atomically(folder / (plot.name + ".gnuplot"), script_text(plot, command));
  std::error_code ignored;
  fs::remove(png, ignored);
  fs::remove(svg, ignored);
  if (command.empty()) return {.note = plot.name + ": no point to draw"};

  const std::string problem = run_gnuplot(folder, plot.name + ".gnuplot", limit);
  PlotResult result{has_content(png), has_content(svg), ""};
  if (!problem.empty()) result.note = plot.name + ": " + problem;
  if (problem.empty() && !(result.png && result.svg))
    result.note = plot.name + ": gnuplot left a picture out";
  return result;
}

}  // namespace stillpoint
