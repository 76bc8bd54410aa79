// Turns the flags of `stillpoint spectrum` and `stillpoint distil` into requests, and runs them.
#include "tasks/command/cli_spectrum.h"

#include <algorithm>
#include <filesystem>

#include "solvers/koopman/systems.h"
#include "tasks/command/cli_values.h"

namespace stillpoint {

void SpectrumFlags::add_to(CLI::App& app) {
  app_ = &app;
  add_source(app);
  app.add_option("--dictionary", request.dictionary,
                 "lift of the states; auto: fourier for a textbook system that is not linear, else identity, "
                 "which is exact DMD; kernel is kernel EDMD")
      ->transform(choice({"auto", "identity", "monomials", "fourier", "kernel"}))
      ->capture_default_str();
  app.add_option("--features", request.features, "features of fourier; even")
      ->transform(whole_number(2, 2000))
      ->capture_default_str();
  app.add_option("--bandwidth", request.bandwidth,
                 "bandwidth of fourier and kernel; for --data and a DEQ in units of the states' deviation")
      ->transform(number(0, 1e6, true))
      ->capture_default_str();
  app.add_option("--degree", request.degree, "largest degree of monomials")
      ->transform(whole_number(1, 20))
      ->capture_default_str();
  app.add_option("--truncation", request.truncation,
                 "singular values below this times the largest are left out")
      ->transform(number(0, 1))
      ->capture_default_str();
  app.add_option("--rank", request.rank,
                 "the most singular values that are used; 0: all above the truncation")
      ->transform(whole_number(0, 100000))
      ->capture_default_str();
  app.add_option("--tolerance", request.tolerance,
                 "tolerance of modulus one; 0: 10 times the error of the fit, 1e-6 for a DEQ and a matrix")
      ->transform(number(0, 1))
      ->capture_default_str();
  app.add_option("--resamples", request.resamples,
                 "how often the trajectories are drawn again, to see whether the verdict holds")
      ->transform(whole_number(0, 1000))
      ->capture_default_str();
  app.add_option("--output", output,
                 "folder for spectrum.json, eigenvalues.csv, the figure, and matrices as .npy");
  add_trajectories(app);
  add_threads(app, threads);
  app.footer("Systems:\n" + describe_systems());
}

void SpectrumFlags::add_source(CLI::App& app) {
  app.add_option("SYSTEM", request.system,
                 "a textbook system, below, or a run folder or checkpoint of a DEQ");
  app.add_option("--data", request.data,
                 "instead of SYSTEM: trajectories of your own, CSV or .npy (times, coordinates) or "
                 "(trajectories, times, coordinates)");
  app.add_option("--matrix", request.matrix, "instead of SYSTEM: a square matrix K, .npy or CSV");
}

void SpectrumFlags::add_trajectories(CLI::App& app) {
  app.add_option("--trajectories", request.trajectories,
                 "number of random starts in [-1,1]^2; for a DEQ, of inputs of its training set")
      ->transform(whole_number(1, 100000))
      ->capture_default_str();
  app.add_option("--steps", request.steps, "steps of each trajectory")
      ->transform(whole_number(1, 10000))
      ->capture_default_str();
  app.add_option("--seed", request.seed, "seed of starts and frequencies")
      ->transform(whole_number(0))
      ->capture_default_str();
  app.add_option(
         "--held-out", request.held_out,
         "for a DEQ: number of inputs of its test set; 0: 100. For --data: number of trajectories, the "
         "last ones; 0: a fifth")
      ->transform(whole_number(0, 100000))
      ->capture_default_str();
  app.add_option("--sizes", request.sizes,
                 "for a DEQ: principal coordinates of the state in each dictionary, as in 8,16")
      ->transform(whole_number(1, 1000))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--phi", request.phi,
                 "for a DEQ: run of a SIM of the same task, whose lift of x replaces x");
}

// A textbook system's name is that system; ./NAME is a run in a folder of the same name.
bool SpectrumFlags::trained() const {
  const std::vector<System>& systems = textbook_systems();
  return std::none_of(systems.begin(), systems.end(), [&](auto& s) { return s.name == request.system; }) &&
         std::filesystem::exists(request.system);
}

std::string SpectrumFlags::dictionary() const {
  if (request.dictionary != "auto") return request.dictionary;
  const bool identity = !request.data.empty() || trained() || textbook_system(request.system).linear;
  return identity ? "identity" : "fourier";
}

void SpectrumFlags::refuse_idle_flags() const {
  const CLI::App& app = *app_;
  const int sources = !request.system.empty() + !request.data.empty() + !request.matrix.empty();
  require(sources == 1, "spectrum: given ", sources, " of SYSTEM, --data and --matrix, expected one of them");
  if (!request.matrix.empty()) {
    refuse_idle(app,
                {"--dictionary", "--features", "--bandwidth", "--degree", "--truncation", "--rank",
                 "--resamples", "--trajectories", "--steps", "--seed", "--held-out", "--sizes", "--phi"},
                "--matrix");
    return;
  }
  const std::string dictionary = this->dictionary(), what = "the dictionary " + dictionary;
  if (dictionary != "fourier") refuse_idle(app, {"--features"}, what);
  if (dictionary != "fourier" && dictionary != "kernel") refuse_idle(app, {"--bandwidth"}, what);
  if (dictionary != "monomials") refuse_idle(app, {"--degree"}, what);
  if (!request.data.empty()) {
    refuse_idle(app, {"--trajectories", "--steps", "--sizes", "--phi"}, "--data");
    if (dictionary != "fourier") refuse_idle(app, {"--seed"}, "--data and " + what);
    return;
  }
  const bool trained = this->trained();
  if (!trained) refuse_idle(app, {"--held-out", "--sizes", "--phi"}, "a textbook system");
  if (trained && dictionary != "fourier") refuse_idle(app, {"--seed"}, "a DEQ and " + what);
}

int SpectrumFlags::run(std::ostream& out) {
  refuse_idle_flags();
  request.output = output;
  set_threads(threads);
  if (!request.matrix.empty())
    run_matrix_spectrum(request, out);
  else if (!request.data.empty())
    run_data_spectrum(request, out);
  else if (trained())
    run_deq_spectrum(request, out);
  else
    run_spectrum(request, out);
  return 0;
}

void DistilFlags::add_to(CLI::App& app) {
  app.add_option("RUN", request.run, "run folder or checkpoint of a DEQ")->required();
  app.add_option("--students", request.students, "models that learn its equilibria, as in single,two")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--sizes", request.sizes, "features of each student, as in 8,16; also d_psi")
      ->transform(whole_number(1, 4096))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--inputs", request.inputs, "inputs of its training set that it labels with its equilibria")
      ->transform(whole_number(1, 100000))
      ->capture_default_str();
  app.add_option("--held-out", request.held_out, "inputs of its test set, for the errors")
      ->transform(whole_number(1, 100000))
      ->capture_default_str();
  StudentOptions& o = request.options;
  app.add_option("--steps", o.steps, "training steps of each student")
      ->transform(whole_number(1, 100000000))
      ->capture_default_str();
  app.add_option("--batch", o.batch, "sequences of a step")
      ->transform(whole_number(1, 10000))
      ->capture_default_str();
  app.add_option("--lr", o.lr, "largest rate of the cosine schedule")
      ->transform(number(0, 1e3, true))
      ->capture_default_str();
  app.add_option("--logits", o.logits, "weight of the logits' error beside that of the equilibrium")
      ->transform(number(0, 1e6))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "seed of initial values and order")
      ->transform(whole_number(0))
      ->capture_default_str();
  add_settings(app, o.settings);
  app.add_flag("--no-edmd", no_edmd, "leave out eq. 7 and least squares");
  app.add_option("--output", output, "folder for distil.json, distil.csv and the figures");
  add_threads(app, threads);
}

int DistilFlags::run(std::ostream& out) {
  request.edmd = !no_edmd;
  request.output = output;
  set_threads(threads);
  run_distil(request, out);
  return 0;
}

}  // namespace stillpoint
