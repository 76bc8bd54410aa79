// The flags of `stillpoint spectrum` and `stillpoint distil`.
#pragma once
#include <ostream>

#include "tasks/command/cli_flags.h"
#include "tasks/spectra/distil_command.h"
#include "tasks/spectra/spectrum_command.h"

namespace stillpoint {

struct SpectrumFlags {
  SpectrumRequest request;
  std::string output;
  int threads = 0;

  void add_to(CLI::App& app);
  int run(std::ostream& out);

 private:
  void add_source(CLI::App& app);
  void add_trajectories(CLI::App& app);
  bool trained() const;  // whether the system is a run, not a textbook system
  void refuse_idle_flags() const;
  std::string dictionary() const;  // as `auto` chooses it
  const CLI::App* app_ = nullptr;
};

struct DistilFlags {
  DistilRequest request;
  std::string output;
  bool no_edmd = false;
  int threads = 0;

  void add_to(CLI::App& app);
  int run(std::ostream& out);
};

}  // namespace stillpoint
