// The flags of `stillpoint export`.
#pragma once
#include <ostream>
#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace stillpoint {

struct ExportFlags {
  std::string run, to = "torch", output;

  void add_to(CLI::App& app);
  int write(std::ostream& out) const;
};

}  // namespace stillpoint
