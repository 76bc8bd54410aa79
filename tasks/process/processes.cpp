// Starts and ends copies of this program.
#include "tasks/process/processes.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

#include "engine/io/input_file.h"
#include "tasks/io/numbers.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"

namespace stillpoint {

std::string& program_name() {
  static std::string name = "stillpoint";
  return name;
}

int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output) {
  Start copy{.command = {"/proc/self/exe"}, .when_orphaned = SIGINT, .name = program_name()};
  copy.command.insert(copy.command.end(), arguments.begin(), arguments.end());
  Descriptor file;
  if (!output.empty()) {
    file = Descriptor(::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0644));
    if (file < 0) fail_on_file("workers", "write", output, errno);
    copy.output = copy.errors = file;
  }
  return start_child(copy);
}

void EndOfChildren::pass_on(const std::vector<int>& children, std::ostream& out) {
  if (!since_) {
    since_ = Clock::now();
    for (const int child : children) ::kill(child, SIGINT);
    return;
  }
  if (seconds_since(*since_) < patience_) return;
  out << "still running:";
  for (const int child : children) out << " " << child;
  out << ", told to end " << format_duration(seconds_since(*since_))
      << " ago; another Ctrl-C kills them, and a run resumes from its last checkpoint" << std::endl;
  patience_ *= 2;
}

}  // namespace stillpoint
