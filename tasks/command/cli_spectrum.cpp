// Turns the flags of `stillpoint spectrum` into a request, and runs it.
#include "tasks/command/cli_spectrum.h"

#include <algorithm>
#include <filesystem>

#include "solvers/koopman/systems.h"
#include "tasks/command/cli_values.h"

namespace stillpoint {

void SpectrumFlags::add_to(CLI::App& app) {
  app_ = &app;
  app.add_option("SYSTEM", request.system, "a textbook system, below, or a run folder or checkpoint of a DEQ")
      ->required();
  app.add_option("--dictionary", request.dictionary,
                 "lift of the states; auto: fourier if the system is not linear, else identity")
      ->transform(choice({"auto", "identity", "monomials", "fourier"}))
      ->capture_default_str();
  app.add_option("--features", request.features, "features of fourier; even")
      ->transform(whole_number(2, 2000))
      ->capture_default_str();
  app.add_option("--bandwidth", request.bandwidth, "bandwidth of fourier")
      ->transform(number(0, 1e6, true))
      ->capture_default_str();
  app.add_option("--degree", request.degree, "largest degree of monomials")
      ->transform(whole_number(1, 20))
      ->capture_default_str();
  app.add_option("--trajectories", request.trajectories,
                 "number of random starts in [-1,1]^2; for a DEQ, of inputs of its training set")
      ->transform(whole_number(1, 100000))
      ->capture_default_str();
  app.add_option("--steps", request.steps, "steps of each trajectory")
      ->transform(whole_number(1, 10000))
      ->capture_default_str();
  app.add_option("--truncation", request.truncation,
                 "singular values below this times the largest are left out")
      ->transform(number(0, 1))
      ->capture_default_str();
  app.add_option("--tolerance", request.tolerance,
                 "tolerance of modulus one; 0: 10 times the error of the fit, 1e-6 for a DEQ")
      ->transform(number(0, 1))
      ->capture_default_str();
  app.add_option("--seed", request.seed, "seed of starts and frequencies")
      ->transform(whole_number(0))
      ->capture_default_str();
  app.add_option("--resamples", request.resamples,
                 "how often the trajectories are drawn again, to see whether the verdict holds")
      ->transform(whole_number(0, 1000))
      ->capture_default_str();
  app.add_option("--output", output,
                 "folder for spectrum.json, eigenvalues.csv, the figure, and matrices as .npy");
  app.add_option("--held-out", request.held_out, "for a DEQ: number of inputs of its test set")
      ->transform(whole_number(1, 100000))
      ->capture_default_str();
  app.add_option("--sizes", request.sizes,
                 "for a DEQ: principal coordinates of the state in each dictionary, as in 8,16")
      ->transform(whole_number(1, 1000))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--phi", request.phi,
                 "for a DEQ: run of a SIM of the same task, whose lift of x replaces x");
  add_threads(app, threads);
  app.footer("Systems:\n" + describe_systems());
}

// A textbook system's name is that system; ./NAME is a run in a folder of the same name.
bool SpectrumFlags::trained() const {
  const std::vector<System>& systems = textbook_systems();
  return std::none_of(systems.begin(), systems.end(), [&](auto& s) { return s.name == request.system; }) &&
         std::filesystem::exists(request.system);
}

void SpectrumFlags::refuse_idle_flags() const {
  const bool trained = this->trained();
  if (!trained) refuse_idle(*app_, {"--held-out", "--sizes", "--phi"}, "a textbook system");
  const bool identity = trained || textbook_system(request.system).linear;
  const std::string dictionary = request.dictionary != "auto" ? request.dictionary
                                 : identity                   ? "identity"
                                                              : "fourier";
  const std::string what = "the dictionary " + dictionary;
  if (dictionary != "fourier") refuse_idle(*app_, {"--features", "--bandwidth"}, what);
  if (dictionary != "monomials") refuse_idle(*app_, {"--degree"}, what);
  if (trained && dictionary != "fourier") refuse_idle(*app_, {"--seed"}, "a DEQ and " + what);
}

int SpectrumFlags::run(std::ostream& out) {
  refuse_idle_flags();
  request.output = output;
  set_threads(threads);
  if (trained())
    run_deq_spectrum(request, out);
  else
    run_spectrum(request, out);
  return 0;
}

}  // namespace stillpoint
