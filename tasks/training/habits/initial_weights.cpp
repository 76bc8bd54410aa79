// Matches tensors by name and shape, and converts their types.
#include "tasks/training/habits/initial_weights.h"

#include <cmath>
#include <cstring>
#include <set>

#include "engine/io/safetensors.h"
#include "engine/words.h"
#include "kernels/gemm/gemm_bf16.h"
#include "tasks/training/run_folder.h"

namespace stillpoint {
namespace {

double half_to_double(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 0    ? std::ldexp(mantissa, -24)
                      : exponent == 31 ? (mantissa == 0 ? INFINITY : NAN)
                                       : std::ldexp(mantissa + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

template <class Stored, class Convert>
std::vector<double> converted(const std::vector<char>& bytes, const Convert& convert) {
  std::vector<double> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored one;
    std::memcpy(&one, bytes.data() + i * sizeof one, sizeof one);
    values[i] = convert(one);
  }
  return values;
}

bool is_floating(const std::string& dtype) {
  return dtype == "F64" || dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

std::vector<double> values_of(const SafetensorsFile& file, const SafetensorsPlace& place) {
  std::vector<char> bytes(place.size);
  file.read(place, bytes.data());
  if (place.dtype == "F64") return converted<double>(bytes, [](double v) { return v; });
  if (place.dtype == "F32") return converted<float>(bytes, [](float v) { return double(v); });
  if (place.dtype == "F16") return converted<std::uint16_t>(bytes, half_to_double);
  return converted<kernels::Bf16>(bytes, [](kernels::Bf16 v) { return double(kernels::from_bf16(v)); });
}

// Returns the entry of that name; null if there is none.
const SafetensorsPlace* place_of(const SafetensorsFile& file, const std::string& name) {
  for (const std::string& each : {"model/" + name, name})
    if (file.contains(each)) return &file.at(each);
  return nullptr;
}

std::string listed(const char* what, const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::string list;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) list += text(" and ", names.size() - most, " more");
  return names.empty() ? "" : text("\n  ", what, ": ", list);
}

}  // namespace

std::string load_initial_weights(const std::filesystem::path& from, const ParamList& params) {
  const SafetensorsFile file(std::filesystem::is_directory(from) ? checkpoint_of(from) : from);
  std::vector<NamedTensor> targets = params.trainable();
  targets.insert(targets.end(), params.buffers().begin(), params.buffers().end());
  std::vector<std::string> kept, unused;
  std::set<std::string> used;
  std::size_t loaded = 0;
  for (const NamedTensor& target : targets) {
    const SafetensorsPlace* const place = place_of(file, target.name);
    if (place != nullptr) used.insert(place->name);
    if (place == nullptr || place->shape != target.tensor.shape() || !is_floating(place->dtype)) {
      kept.push_back(place == nullptr ? target.name + " (not there)"
                                      : text(target.name, " (", to_text(target.tensor.shape()), " here, ",
                                             place->dtype, " ", to_text(place->shape), " there)"));
      continue;
    }
    target.tensor.assign(
        Tensor::from(values_of(file, *place), target.tensor.shape(), {target.tensor.dtype(), Device::cpu}));
    ++loaded;
  }
  for (const std::string& name : file.names())
    if (!used.contains(name) && !name.starts_with("optimiser/")) unused.push_back(shown(name));
  const std::string others = listed("keep their own initial values", kept) + listed("not used", unused);
  require(loaded > 0, "init: given ", file.path().string(), ", where no tensor has a name and shape of this ",
          "model, expected at least one, choose the model and sizes of the file:", others);
  return text("init: ", loaded, " of ", targets.size(), " tensors begin as in ", shown(file.path().string()),
              others);
}

}  // namespace stillpoint
