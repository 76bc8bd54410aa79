// Adds the shared flags, and turns them into layers of settings.
#include "tasks/command/cli_flags.h"

#include <algorithm>
#include <iostream>

#include "kernels/group/communicator.h"
#include "kernels/host/address_space.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "tasks/command/cli_values.h"
#include "tasks/process/processes.h"
#include "tasks/selftest/info.h"
#include "tasks/settings/presets.h"

namespace stillpoint {

namespace fs = std::filesystem;

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads,
                 "CPU threads; 0: all cores that may be used, or this rank's share of them")
      ->transform(whole_number(0, 4096));
}
void set_threads(int threads) {
  const kernels::Communicator* const group = kernels::Communicator::joined();
  if (threads == 0 && group != nullptr)
    threads = int(std::clamp<Index>(group->local_cores() / group->local_size(), 1, kernels::cores()));
  if (threads > 0) kernels::set_thread_count(threads);
  kernels::require_threads(kernels::thread_count());
}

CLI::Option* add_precision(CLI::App& app, std::string& precision) {
  return app.add_option("--precision", precision, "precision of matrix products: float32, tf32 or bf16")
      ->transform(choice({"float32", "tf32", "bf16"}));
}

CLI::Option* add_settings(CLI::App& app, std::vector<std::string>& assignments) {
  return app.add_option("--set", assignments, "KEY=VALUE, one setting; repeatable")->allow_extra_args(false);
}

void CommonFlags::add_to(CLI::App& app) {
  app.add_option("--device", device, "auto, cpu or cuda")->transform(choice({"auto", "cpu", "cuda"}));
  add_threads(app, threads);
}

Device CommonFlags::apply() const {
  set_threads(threads);
  if (kernels::Communicator* const group = kernels::Communicator::joined();
      group != nullptr && device != "cpu")
    group->use_own_gpu();
  const Device chosen = device_named(device);
  if (device == "auto" && chosen == Device::cpu)
    if (const std::string why = why_not_cuda(); !why.empty())
      std::cerr << program_name() << ": running on the CPU: " << why << std::endl;
  return chosen;
}

void SettingsFlags::add_to(CLI::App& app, const TaskKind& kind) {
  if (kind.has("image")) app.add_option("IMAGE,--image", image, "PNG or JPEG file to learn");
  if (kind.has("dataset")) app.add_option("--dataset", dataset, "name of the data set (setting `dataset`)");
  if (kind.has("data"))
    app.add_option("--data", data,
                   "folder of pictures or of the data set's files, or its archive (setting `data`)");
  if (kind.has("model")) app.add_option("--model", model, "name of the model (setting `model`)");
  app.add_option("--init", init, "run or safetensors file to take initial values from (setting `init`)");
  app.add_option("--preset", preset, "settings shipped with the program; `list` names them");
  app.add_option("--config", config, "JSON file of settings");
  add_settings(app, assignments);
  app.add_option("--seed", seed, "seed (setting `seed`)")->transform(whole_number(0));
}

bool SettingsFlags::any() const {
  return !image.empty() || !dataset.empty() || !data.empty() || !model.empty() || !init.empty() ||
         !preset.empty() || !config.empty() || !assignments.empty() || seed >= 0;
}

std::vector<SettingsLayer> SettingsFlags::layers(const TaskKind& kind) const {
  std::vector<SettingsLayer> layers;
  if (!preset.empty()) layers.push_back({load_preset(kind.name(), preset), "preset " + preset});
  if (!config.empty()) {
    Json object = read_json_file(config);
    // A run's config.json holds its settings one level down.
    if (object.is_object() && object.contains("task") && object.contains("config"))
      object = Json(object["config"]);
    layers.push_back({object, config});
  }
  for (const std::string& assignment : assignments) layers.push_back(set_layer(assignment));
  if (!model.empty()) layers.push_back({{{"model", model}}, "--model", Written::spelled});
  if (!dataset.empty()) layers.push_back({{{"dataset", dataset}}, "--dataset", Written::spelled});
  if (!init.empty()) layers.push_back({{{"init", path_to_text(fs::absolute(init))}}, "--init"});
  if (!data.empty()) layers.push_back({{{"data", path_to_text(fs::absolute(data))}}, "--data"});
  if (seed >= 0) layers.push_back({{{"seed", seed}}, "--seed"});
  if (!image.empty()) layers.push_back({{{"image", path_to_text(fs::absolute(image))}}, "IMAGE"});
  return layers;
}

}  // namespace stillpoint
