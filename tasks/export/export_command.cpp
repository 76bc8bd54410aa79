// Writes a trained network for other programs: weights, an example and a Python file.
#include "tasks/export/export_command.h"

#include <CLI/CLI.hpp>

#include "engine/io/safetensors.h"
#include "engine/ops.h"
#include "tasks/command/cli_values.h"
#include "tasks/export/torch_weights.h"
#include "tasks/paper/image_prediction.h"
#include "tasks/settings/shipped.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

void save_entries(const fs::path& path, const std::vector<NamedTensor>& tensors) {
  // The format of a counter of batches that PyTorch's batch norm has beside its statistics.
  static const std::int64_t none = 0;
  std::vector<SafetensorsEntry> entries;
  std::vector<Tensor> hosts;
  for (const NamedTensor& named : tensors) {
    hosts.push_back(named.tensor.detach().to(DType::float32).to(Device::cpu));
    const Array array = hosts.back().array();
    entries.push_back(
        {named.name, "F32", named.tensor.shape(),
         Bytes(static_cast<const std::byte*>(array.data), std::size_t(array.size) * sizeof(float))});
    const std::string& name = named.name;
    if (!name.ends_with(".running_var")) continue;
    entries.push_back({name.substr(0, name.rfind('.')) + ".num_batches_tracked",
                       "I64",
                       {},
                       std::as_bytes(std::span(&none, 1))});
  }
  save_safetensors(path, entries);
}

// Python reads JSON's numbers, texts, lists and objects as they are.
std::string python_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string program_of(const Json& facts, const std::vector<NamedTensor>& weights) {
  Json shapes = Json::object();
  for (const NamedTensor& named : weights) shapes[named.name] = named.tensor.shape();
  std::string program(shipped_file("export/network.py"));
  const auto fill = [&](const char* name, const Json& value) {
    const std::string line = std::string("\n") + name + " = {}";
    const std::size_t at = program.find(line);
    require(at != program.npos, "export: given a template without ", name,
            ", expected one, build the program again");
    program.replace(at, line.size(), std::string("\n") + name + " = " + python_of(value));
  };
  fill("FACTS", facts);
  fill("SHAPES", shapes);
  return program;
}

}  // namespace

void ExportFlags::add_to(CLI::App& app) {
  app.add_option("RUN", run, "a run folder or its checkpoint")->required();
  app.add_option("--to", to, "format: torch (safetensors and a Python file of plain torch.nn)")
      ->transform(choice({"torch"}))
      ->capture_default_str();
  app.add_option("--output", output, "folder for model.py, model.safetensors and example.safetensors")
      ->required();
}

int ExportFlags::write(std::ostream& out) const {
  const fs::path checkpoint = checkpoint_of(run), folder = output;
  ImageClassifier classifier(checkpoint, Device::cpu);
  use_precision(TrainConfig());  // the example is computed in float32
  const std::vector<NamedTensor> weights = torch_weights(classifier.model().params());
  const DatasetInfo& info = classifier.info();
  Initializer init(1, {dtype_of(classifier.config().train), Device::cpu});
  const Recording off(false);
  const Tensor x = init.normal({4, info.channels, info.height, info.width}, 1).detach(),
               y = classifier.model()(x);
  const Json facts = {{"model", classifier.config().model},
                      {"classes", info.classes},
                      {"height", info.height},
                      {"width", info.width},
                      {"mean", info.mean},
                      {"deviation", info.deviation}};
  make_folder(folder);
  save_entries(folder / "model.safetensors", weights);
  save_entries(folder / "example.safetensors", {{"x", x}, {"y", y}});
  write_atomically(folder / "model.py", program_of(facts, weights));
  out << "written to " << shown(folder.string()) << ": model.py, model.safetensors (" << weights.size()
      << " tensors) and example.safetensors; check with:\n  python3 " << shell_path(folder / "model.py")
      << "\n";
  return 0;
}

}  // namespace stillpoint
