// The subcommands and their flags; the settings come from the tasks' field lists.
#include "tasks/command/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "engine/io/checkpoint.h"
#include "kernels/group/communicator.h"
#include "kernels/group/launch_environment.h"
#include "tasks/command/cli_bench.h"
#include "tasks/command/cli_errors.h"
#include "tasks/command/cli_reproduce.h"
#include "tasks/command/cli_spectrum.h"
#include "tasks/command/cli_tune.h"
#include "tasks/command/cli_values.h"
#include "tasks/command/console.h"
#include "tasks/drawing/draw_command.h"
#include "tasks/export/export_command.h"
#include "tasks/io/progress.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"
#include "tasks/process/version.h"
#include "tasks/report/report.h"
#include "tasks/selftest/info.h"
#include "tasks/selftest/selftest_command.h"
#include "tasks/settings/idle_settings.h"
#include "tasks/settings/presets.h"
#include "tasks/training/content.h"
#include "tasks/training/habits/step_file.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

void add_other_data(CLI::App& app, bool& other_data) {
  app.add_flag("--other-data", other_data, "continue although the picture or data set has changed");
}

struct TrainFlags {
  CommonFlags common;
  SettingsFlags settings;
  std::string run, resume, trial;
  bool other_data = false;

  void add_to(CLI::App& app, const TaskKind& kind) {
    settings.add_to(app, kind);
    app.add_option("--run", run, "run folder; default runs/TASK-MODEL-NNN");
    app.add_option("--resume", resume, "run folder to resume, bit-identically");
    if (kind.has_places()) add_other_data(app, other_data);
    app.add_option("--trial", trial, "token of the search worker that runs this trial")->group("");
    common.add_to(app);
  }
};

TrainRequest resumed_request(const TaskKind& kind, const TrainFlags& flags) {
  // If this is a trial, the search may give its settings again, with the place where its data are now.
  SettingsFlags others = flags.settings;
  others.image = others.data = "";
  std::erase_if(others.assignments, [](const std::string& assignment) {
    return may_change(assignment.substr(0, assignment.find('=')));
  });
  require((!others.any() || !flags.trial.empty()) && flags.run.empty(),
          "--resume: given together with settings, expected --resume without them (with --device, --threads, "
          "IMAGE or --data if those have moved, and --set of ",
          changeable_settings(), "), the run keeps its other settings");
  const RunRecord record = settings_to_resume(flags.resume);
  require(record.task == kind.name(), "--resume: ", flags.resume, " is a run of ", record.task,
          ", expected one of ", kind.name(), ", use `", program_name(), " train ", shell_quoted(record.task),
          " --resume ...`");
  std::vector<SettingsLayer> layers{{record.config, flags.resume}};
  for (SettingsLayer& place : flags.settings.layers(kind)) layers.push_back(std::move(place));
  return {.kind = &kind,
          .config = kind.resolve(layers),
          .folder = flags.resume,
          .other_data = flags.other_data,
          .resume = true,
          .changed = !flags.settings.assignments.empty() && flags.trial.empty(),
          .should_stop = {}};
}

// Makes a folder for the run, unless the user names one; only rank 0 does.
TrainRequest new_request(const TaskKind& kind, const TrainFlags& flags, bool leads) {
  TrainRequest request;
  request.kind = &kind;
  const std::vector<SettingsLayer> layers = flags.settings.layers(kind);
  request.config = kind.resolve(layers);
  refuse_idle_settings(kind, layers, request.config);
  request.folder = flags.run;
  if (flags.run.empty() && leads) {
    OwnFolder own = new_run_folder(name_of_run(kind, request.config));
    request.folder = own.path;
    request.lock = std::move(own.lock);
  }
  return request;
}

int train_command(const CLI::App& app, const TaskKind& kind, const TrainFlags& flags,
                  const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  if (flags.settings.preset == "list") {
    refuse_others(app, "--preset", "--preset list");
    for (const std::string& name : preset_names(kind.name())) out << name << "\n";
    return 0;
  }
  kernels::Communicator& group = kernels::Communicator::world();
  const Device device = flags.common.apply();
  TrainRequest request =
      flags.resume.empty() ? new_request(kind, flags, group.rank() == 0) : resumed_request(kind, flags);
  request.folder = group.broadcast(request.folder.string());
  request.alone = true;
  request.trial = flags.trial;
  request.group = &group;
  request.device = device;
  request.made_by = made_by(arguments);
  request.terminal = is_terminal(STDOUT_FILENO) && group.size() == 1;  // mpirun's pipe may look like one
  request.ending = InterruptGuard::interrupted;
  // If the console is gone (`train | head`, a lost terminal), nobody wants the rest.
  request.should_stop = [&out](Index) { return InterruptGuard::interrupted() || !out; };
  const InterruptGuard guard;
  try {
    const TrainOutcome outcome = train(request, out);
    if (outcome.finished) return 0;
    if (!out && group.rank() == 0)
      err << program_name() << ": standard output cannot be written any more; step " << outcome.steps
          << " is saved. Resume with:\n  " << outcome.resume << std::endl;
    return stopped_code;
  } catch (...) {
    if (flags.run.empty() && flags.resume.empty() && group.rank() == 0) remove_if_empty(request.folder);
    throw;
  }
}

struct EvalFlags {
  CommonFlags common;
  std::string checkpoint, split, image, data, output;
  bool other_data = false;

  void add_to(CLI::App& app) {
    app.add_option("CHECKPOINT", checkpoint, "a run folder or its checkpoint.safetensors")->required();
    app.add_option("--split", split, "evaluate only this split");
    app.add_option("--image", image, "where the picture is now");
    app.add_option("--data", data, "where the data set is now");
    add_other_data(app, other_data);
    app.add_option(
        "--output", output,
        "folder for the pictures that the task makes, and for compare.safetensors: a training step "
        "from these weights");
    common.add_to(app);
  }
};

int eval_command(const CLI::App& app, const EvalFlags& flags, std::ostream& out) {
  const Device device = flags.common.apply();
  const fs::path path = checkpoint_of(flags.checkpoint);
  const RunRecord record = find_checkpoint(path).record;
  const TaskKind& kind = task_kind(record.task);
  for (const char* place : {"image", "data"})
    if (!record.config.contains(place)) refuse_idle(app, {text("--", place)}, text("a run of ", kind.name()));
  std::vector<SettingsLayer> layers{{record.config, path.string()}};
  if (!flags.image.empty())
    layers.push_back({{{"image", path_to_text(fs::absolute(flags.image))}}, "--image"});
  if (!flags.data.empty()) layers.push_back({{{"data", path_to_text(fs::absolute(flags.data))}}, "--data"});
  const Json config = kind.resolve(layers);
  use_precision(kind.train_config(config));
  const std::unique_ptr<Task> task = kind.make(config, device);
  if (task->facts().content.empty()) refuse_idle(app, {"--other-data"}, text("a run of ", kind.name()));
  if (!flags.other_data) require_same_content("eval", record.content, task->facts().content);
  load_checkpoint(path, task->params(), nullptr);
  Json result = {{"task", kind.name()}, {"step", record.step}};
  if (const std::string note = task->facts().note; !note.empty()) result["note"] = note;
  const std::vector<std::string> splits =
      flags.split.empty() ? task->facts().splits : std::vector<std::string>{flags.split};
  for (const std::string& split : splits) {
    const Evaluation found = task->evaluate(split);
    for (const auto& [name, value] : found.metrics) result[split][name] = value;
    for (const auto& [name, value] : found.details.items()) result[split][name] = value;
  }
  if (!flags.output.empty()) {
    make_folder(flags.output);
    if (task->facts().writes_results) task->write_results(flags.output, nullptr, record.step);
    write_step(*task, record.step, device, config, kind.name(),
               fs::path(flags.output) / "compare.safetensors");
  }
  out << result.dump(2) << "\n";
  return 0;
}

// Returns the names of the tasks with predictions.
std::string predicting() {
  return tasks_with([](const TaskKind& kind) { return kind.predict() != nullptr; });
}

struct PredictFlags {
  CommonFlags common;
  std::string checkpoint;
  PredictRequest request;

  void add_to(CLI::App& app) {
    app.add_option("CHECKPOINT", checkpoint,
                   text("a run folder of ", predicting(), " or its checkpoint.safetensors"))
        ->required();
    app.add_option(
           "INPUT", request.inputs,
           "files, folders of them, patterns ('*.png') or - for standard input: pictures, each scaled "
           "to the size of the data set's images; .npy or CSV with a sequence or coordinates a row")
        ->required();
    app.add_option("--background", request.background,
                   "colour behind transparent pixels: white, black, grey or #RRGGBB; default: the run's");
    app.add_option("--format", request.format,
                   "text, or csv, json or npy with the probabilities of all classes")
        ->transform(choice({"text", "csv", "json", "npy"}))
        ->capture_default_str();
    app.add_option("--output", request.output, "file to write; default: standard output");
    app.add_option("--fixed-points", request.fixed_points, "npy file for the equilibria of deq or a monDEQ");
    app.add_option("--batch", request.batch,
                   "inputs at a time; default: 64, or 1 if the model solves for an equilibrium")
        ->transform(whole_number(1, 1 << 20));
    app.add_flag("--invert", request.inverted,
                 "for dark ink on white, if the data set has light ink on black (MNIST)");
    common.add_to(app);
  }
  int run(std::ostream& out, std::ostream& err) {
    request.device = common.apply();
    request.checkpoint = checkpoint_of(checkpoint);
    const std::string task = find_checkpoint(request.checkpoint).record.task;
    const Predict predict = task_kind(task).predict();
    require(predict != nullptr, "predict: given ", shown(checkpoint), ", a run of ", task,
            ", expected one of ", predicting(), ", choose another");
    return predict(request, out, err);
  }
};

struct ReportFlags {
  std::vector<std::string> runs;
  std::string output = "report.html";

  void add_to(CLI::App& app) {
    app.add_option("RUN", runs, "run folders; runs of one task on the same data are compared")->required();
    app.add_option("--output", output, "the HTML file to write")->capture_default_str();
  }
  int run(std::ostream& out, std::ostream& err) const {
    const report::Written written = report::write_report({runs.begin(), runs.end()}, output);
    const std::size_t count = runs.size() - written.left_out.size();
    for (const std::string& why : written.left_out)
      err << program_name() << ": left out: " << shown_message(why) << "\n";
    out << "written to " << shown(output) << ": " << count << (count == 1 ? " run, " : " runs, ")
        << (written.bytes + 1023) / 1024 << " KiB\n";
    return written.left_out.empty() ? 0 : 1;
  }
};

// Throws Error if a value is empty: a script's variable was probably not set.
void refuse_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& value : option->results())
      require(!value.empty(), option->get_name(),
              ": given an empty text, expected a value, name one or leave it out");
  for (const CLI::App* command : app.get_subcommands()) refuse_empty(*command);
}

// A trial of a search returns this after a fault of the machine, so that the search retries it (EX_TEMPFAIL
// of sysexits.h).
constexpr int machine_fault = 75;

bool is_machine_fault(const std::exception& error) {
  return dynamic_cast<const MachineError*>(&error) || dynamic_cast<const std::bad_alloc*>(&error);
}

// Returns the exit code after the ranks, if there is more than one, have left in order.
int train_and_leave(const CLI::App& app, const TaskKind& kind, const TrainFlags& flags,
                    const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  try {
    const int code = train_command(app, kind, flags, arguments, out, err);
    kernels::Communicator::leave();
    return code;
  } catch (const std::exception& e) {
    if (flags.trial.empty() || !is_machine_fault(e)) throw;
    tell(e, err);
    return machine_fault;
  }
}

// The commands: each has flags, and what runs it if the command line names it.
class Commands {
 public:
  explicit Commands(CLI::App& app) : app_(app) {}

  // Flags have add_to(app, of...); run(app, flags) returns the exit code.
  template <class Flags, class Run, class... Of>
  CLI::App& add(CLI::App& parent, const char* name, const char* help, const Run& run, const Of&... of) {
    CLI::App* const command = parent.add_subcommand(name, help);
    const auto flags = std::make_shared<Flags>();
    flags->add_to(*command, of...);
    commands_.push_back({command, [=] { return run(*command, *flags); }});
    return *command;
  }
  int run() const {
    const CLI::App& named = *app_.get_subcommands()[0];
    require(named.get_name() == "train" || named.get_name() == "info" || kernels::launched_processes() <= 1,
            "mpirun: given ", kernels::launched_processes(),
            " processes for a command that is one, expected train, start ", named.get_name(),
            " without mpirun");
    for (const auto& [command, run] : commands_)
      if (command->parsed()) return run();
    return 2;
  }

 private:
  CLI::App& app_;
  std::vector<std::pair<const CLI::App*, std::function<int()>>> commands_;
};

// Adds the commands that take a task.
void add_task_commands(CLI::App& app, Commands& commands, const std::vector<std::string>& arguments,
                       std::ostream& out, std::ostream& err) {
  CLI::App& train = *app.add_subcommand("train", "train a model on a task")->require_subcommand(1);
  CLI::App& tune =
      *app.add_subcommand("tune", "search settings of a task: Optuna, random search with successive halving")
           ->require_subcommand(1);
  for (const TaskKind* kind : task_kinds()) {
    const auto run_train = [&out, &err, &arguments, kind](const CLI::App& command, const TrainFlags& flags) {
      return train_and_leave(command, *kind, flags, arguments, out, err);
    };
    const auto run_tune = [kind](const CLI::App& command, const TuneFlags& flags) -> int {
      flags.run(command, *kind);
    };
    commands.add<TrainFlags>(train, kind->name(), kind->summary(), run_train, *kind)
        .footer("Settings for --set, --config and presets, with their defaults:\n" + kind->help());
    commands.add<TuneFlags>(tune, kind->name(), kind->summary(), run_tune, *kind);
  }
}

void add_other_commands(CLI::App& app, Commands& commands, const std::vector<std::string>& arguments,
                        std::ostream& out, std::ostream& err) {
  commands.add<EvalFlags>(app, "eval", "evaluate a checkpoint", [&](const CLI::App& command, auto& flags) {
    return eval_command(command, flags, out);
  });
  commands.add<PredictFlags>(app, "predict",
                             "apply a trained model to new inputs, for example classify pictures",
                             [&](const CLI::App&, auto& flags) { return flags.run(out, err); });
  const auto run = [&](const CLI::App&, auto& flags) { return flags.run(out); };
  commands.add<SelftestFlags>(app, "selftest", "check every op and model on this machine, and time them",
                              run);
  commands.add<BenchFlags>(
      app, "bench", "measure ops, kernels, training steps and solvers: SIM against DEQ",
      [&](const CLI::App& command, auto& flags) { return flags.run(command, arguments, out, err); });
  commands.add<SpectrumFlags>(
      app, "spectrum", "compute the Koopman spectrum of a system, of trajectories or of a trained DEQ", run);
  commands.add<DistilFlags>(app, "distil", "train SIMs to give the equilibria of a trained DEQ", run);
  commands.add<ExportFlags>(app, "export", "write a trained network of pictures for PyTorch",
                            [&](const CLI::App&, auto& flags) { return flags.write(out); });
  commands.add<ReportFlags>(app, "report", "write one HTML page about one or more runs",
                            [&](const CLI::App&, auto& flags) { return flags.run(out, err); });
  commands.add<DrawFlags>(app, "draw", "draw columns of a CSV file as an SVG picture", run);
  commands.add<ReproduceFlags>(
      app, "reproduce",
      "reproduce a table or figure of the paper: search, training, seeds, beside its numbers", run);
  commands.add<InfoFlags>(app, "info", "print device, instruction set and libraries", run);
}

int run_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  CLI::App app("Stable invariant models and deep equilibrium models on CPU and CUDA.", program_name());
  app.require_subcommand(1);
  app.set_version_flag("--version", program_version);
  Commands commands(app);
  add_task_commands(app, commands, arguments, out, err);
  add_other_commands(app, commands, arguments, out, err);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    refuse_empty(app);
    return commands.run();
  } catch (const CLI::Success& e) {
    return app.exit(e, out, err);
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e, err);
  } catch (const std::exception& e) {
    return tell(e, err);
  }
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  return exit_code(run_command(arguments, out, err), out, err);
}

}  // namespace stillpoint
