// The flags of `stillpoint spectrum`.
#pragma once
#include <ostream>

#include "tasks/command/cli_flags.h"
#include "tasks/spectra/spectrum_command.h"

namespace stillpoint {

struct SpectrumFlags {
  SpectrumRequest request;
  std::string output;
  int threads = 0;

  void add_to(CLI::App& app);
  int run(std::ostream& out);

 private:
  bool trained() const;  // whether the system is a run, not a textbook system
  void refuse_idle_flags() const;
  const CLI::App* app_ = nullptr;
};

}  // namespace stillpoint
