// Writes and reads checkpoints as safetensors files.
#include "engine/io/checkpoint.h"

#include <set>

#include "engine/io/safetensors.h"

namespace stillpoint {
namespace {

const char* const record_key = "stillpoint";
const char* const sum_field = "sum";  // a field of the record
const char* const sum_kind = "crc32c";

const char* safetensors_name(DType dtype) {
  return dtype == DType::float64 ? "F64" : dtype == DType::float32 ? "F32" : "I32";
}

std::vector<NamedTensor> contents(const ParamList& params, const Optimiser* optimiser) {
  std::vector<NamedTensor> out;
  for (const NamedTensor& p : params.trainable()) out.push_back({"model/" + p.name, p.tensor});
  for (const NamedTensor& p : params.buffers()) out.push_back({"model/" + p.name, p.tensor});
  if (optimiser != nullptr)
    for (const NamedTensor& p : optimiser->state()) out.push_back({"optimiser/" + p.name, p.tensor});
  return out;
}

void check_entry(const SafetensorsFile& file, const NamedTensor& target) {
  require(file.contains(target.name), file.path().string(), ": no tensor '", target.name,
          "', expected one of shape ", to_text(target.tensor.shape()),
          ", use the checkpoint with the model that wrote it");
  const SafetensorsPlace& entry = file.at(target.name);
  const char* const dtype = safetensors_name(target.tensor.dtype());
  require(entry.shape == target.tensor.shape() && entry.dtype == dtype, file.path().string(), ": '",
          target.name, "' is ", entry.dtype, " of shape ", to_text(entry.shape), ", expected ", dtype,
          " of shape ", to_text(target.tensor.shape()), ", use the checkpoint with the model that wrote it");
}

// Returns the record without the sum's own field.
Json record_of(const SafetensorsFile& file) {
  const std::string path = file.path().string();
  const auto found = file.metadata().find(record_key);
  require(found != file.metadata().end(), path, ": a safetensors file without a '", record_key,
          "' record, expected a checkpoint of this program, give the checkpoint.safetensors of a run");
  Json record = parse_json(found->second);
  require(record.is_object(), path, ": its '", record_key,
          "' record is no JSON object, expected one, the file is damaged: use another checkpoint");
  require(!record.contains(sum_field) || (record[sum_field] == sum_kind && file.summed()), path,
          ": its record says that a ", sum_kind, " sum guards the file, but there is none, ",
          "the file is damaged: use another checkpoint");
  record.erase(sum_field);
  return record;
}

}  // namespace

void save_tensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                  const SafetensorsMetadata& metadata, const SafetensorsOptions& options) {
  std::vector<SafetensorsEntry> entries;
  std::vector<Tensor> hosts;  // holds copies from a GPU until they are written
  for (const NamedTensor& p : tensors) {
    hosts.push_back(p.tensor.detach().to(Device::cpu));
    const Array array = hosts.back().array();
    const auto* const data = static_cast<const std::byte*>(array.data);
    entries.push_back({p.name, safetensors_name(array.dtype), p.tensor.shape(),
                       Bytes(data, std::size_t(array.size * size_of(array.dtype)))});
  }
  save_safetensors(path, entries, metadata, options);
}

void save_checkpoint(const std::filesystem::path& path, const ParamList& params, const Optimiser* optimiser,
                     const Json& record, const std::filesystem::path& keep) {
  Json guarded = record;
  guarded[sum_field] = sum_kind;
  save_tensors(path, contents(params, optimiser), {{record_key, guarded.dump()}},
               {.summed = true, .keep = keep});
}

Json read_checkpoint_record(const std::filesystem::path& path) { return record_of(SafetensorsFile(path)); }

void load_checkpoint(const std::filesystem::path& path, const ParamList& params, Optimiser* optimiser) {
  const SafetensorsFile file(path);
  record_of(file);
  const std::vector<NamedTensor> targets = contents(params, optimiser);
  for (const NamedTensor& target : targets) check_entry(file, target);
  std::set<std::string> expected;
  for (const NamedTensor& target : targets) expected.insert(target.name);
  for (const std::string& name : file.names())
    require(expected.contains(name) || (optimiser == nullptr && name.starts_with("optimiser/")),
            path.string(), ": holds '", name, "', expected only tensors of this model",
            optimiser != nullptr ? " and optimiser" : "",
            ", use the checkpoint with the configuration that wrote it");
  for (const NamedTensor& target : targets) {
    const SafetensorsPlace& entry = file.at(target.name);
    const Tensor host = Tensor::empty(target.tensor.shape(), {target.tensor.dtype(), Device::cpu});
    file.read(entry, host.array().data);
    target.tensor.assign(host);
  }
}

}  // namespace stillpoint
