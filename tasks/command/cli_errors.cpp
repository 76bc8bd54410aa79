// Explains the errors of commands and of their usage.
#include "tasks/command/cli_errors.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "kernels/group/communicator.h"
#include "tasks/command/console.h"
#include "tasks/process/processes.h"

namespace stillpoint {
namespace {

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// Returns the subcommand that was being parsed.
const CLI::App& innermost(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.back());
}

// Puts CLI11's message about a flag into the project's words; those of validators are in them already.
std::string flag_problem(const CLI::App& at, const CLI::ParseError& error) {
  const std::string said = error.what();
  const std::size_t dashes = said.find("--"), at_flag = dashes == said.npos ? 0 : dashes;
  const std::string flag = said.substr(at_flag, said.find_first_of(": =", at_flag) - at_flag);
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) return said;
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return text(at.get_name(), ": given no ", flag, ", expected it, name one");
  if (dynamic_cast<const CLI::RequiresError*>(&error) != nullptr) {
    const std::string needed = said.substr(said.rfind("--"));
    return text(flag, ": given without ", needed, ", expected both, add ", needed);
  }
  const CLI::Option* const option = at.get_option_no_throw(flag);
  if (option == nullptr)
    return text(at.get_name(), ": given words that do not fit together, expected those that --help lists, ",
                "correct them");
  if (option->get_items_expected_max() == 0)
    return text(flag, ": given a value, expected none, leave the value out");
  if (option->count() > 1)
    return text(flag, ": given more than once, expected it once, leave out the others");
  return text(flag, ": given without a value, expected one, write it behind the flag");
}

// Returns what is wrong with the words after the last command that was understood.
std::string usage_problem(const CLI::App& at, const CLI::ParseError& error) {
  const std::vector<std::string> commands = command_names(at);
  const std::string where = at.get_parent() == nullptr ? "command" : at.get_name();
  for (const std::string& word : at.remaining()) {
    const bool flag = word.starts_with("-");
    if (!flag && !commands.empty())
      return text(where, ": given '", shown(word), "', expected one of ", join(commands),
                  did_you_mean(word, commands));
    if (flag)
      return text(where, ": given '", shown(word), "', expected one of its flags",
                  did_you_mean(word.substr(0, word.find('=')), flag_names(at)));
    return text(where, ": given '", shown(word), "', expected no such word, leave it out");
  }
  if (!commands.empty())
    return text(where, ": given no command, expected one of ", join(commands), ", name one");
  return flag_problem(at, error);
}

}  // namespace

std::string explained(const std::exception& error) {
  if (const auto* const of_file = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return text("files: given ", shown(of_file->path1().string()),
                ", cannot use it: ", of_file->code().message(),
                ", expected a file or folder of this user's, check the path");
  if (const char* const words = constant_words(error)) return words;
  if (dynamic_cast<const nlohmann::json::exception*>(&error) != nullptr)
    return "JSON: given a value of another kind than this program writes there, expected files that it "
           "wrote, use another run";
  if (const auto* const of_system = dynamic_cast<const std::system_error*>(&error))
    return text("system: a call failed: ", of_system->code().message(), ", expected it to work, try again");
  if (dynamic_cast<const Error*>(&error) != nullptr) return error.what();
  return "program: ran into a fault of its own, expected none, please report the command and its files";
}

// If there is more than one rank, the first one reports the error for all of them. Another rank waits up
// to three seconds for the ranks before it to end, and reports the error only if they have not ended.
int tell(const std::exception& error, std::ostream& err) {
  using namespace std::chrono_literals;
  kernels::Communicator* const group = kernels::Communicator::joined();
  if (group != nullptr && !group->leads_survivors()) {
    for (auto left = 3000ms; left > 0ms && !group->leads_survivors(); left -= 20ms)
      std::this_thread::sleep_for(20ms);
    if (group->leads_survivors()) return 1;
  }
  // One write, because mpirun prints lines of its own between those of its ranks.
  err << text(program_name(), ": ", group == nullptr ? "" : text("rank ", group->rank(), ": "),
              shown_message(explained(error)), "\n")
      << std::flush;
  kernels::Communicator::abort(1);
  return 1;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, std::ostream& err) {
  err << program_name() << ": " << shown_message(usage_problem(innermost(app), error))
      << "\nRun with --help for the commands and their settings.\n";
  return 2;
}

}  // namespace stillpoint
