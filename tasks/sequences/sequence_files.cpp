// Reads the sequences of a file by its kind.
#include "engine/words.h"
#include "tasks/io/tables/npz.h"
#include "tasks/sequences/sequence_data.h"
#include "tasks/sequences/sequence_table.h"

namespace stillpoint {
namespace {

using Arrays = std::map<std::string, std::string>;

std::optional<NpyView> array_named(const std::string& where, const Arrays& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  if (found == arrays.end()) return std::nullopt;
  return NpyView(text(where, ": ", name), found->second);
}

struct ArrayParts {
  NpyView x;
  std::optional<NpyView> y, lengths;
  std::string where;
};

ArrayParts parts_of(const std::string& where, const Arrays& arrays, const std::string& part) {
  const std::string end = part.empty() ? "" : "_" + part;
  const std::optional<NpyView> x = array_named(where, arrays, "x" + end);
  std::vector<std::string> names;
  for (const auto& [name, bytes] : arrays) names.push_back(name);
  require(x.has_value(), where, ": given the arrays ", shown(join(names)), ", expected x", end,
          " with the sequences, name it so");
  const ArrayParts parts{*x, array_named(where, arrays, "y" + end),
                         array_named(where, arrays, "lengths" + end), text(where, ": x", end)};
  const Shape& shape = parts.x.shape();
  require((shape.size() == 2 || shape.size() == 3) && parts.x.size() > 0, parts.where,
          ": given an array of shape ", to_text(shape),
          ", expected (sequences, steps) or (sequences, steps, channels), reshape it");
  if (parts.lengths)
    require(parts.lengths->shape() == Shape{shape[0]}, where, ": given lengths of shape ",
            to_text(parts.lengths->shape()), ", expected one for each of ", shape[0], " sequences");
  return parts;
}

Index length_of(const ArrayParts& parts, Index sequence) {
  const Index most = parts.x.shape()[1];
  if (!parts.lengths) return most;
  const double length = (*parts.lengths)[sequence];
  require(length >= 1 && length <= double(most) && length == double(Index(length)), parts.where,
          ": given length ", length, " of sequence ", sequence + 1, ", expected a whole number from 1 to ",
          most, ", correct it");
  return Index(length);
}

void append_targets(const ArrayParts& parts, const SequenceSettings& settings, SequenceScan& scan) {
  const Index n = parts.x.shape()[0];
  require(parts.y.has_value(), parts.where, ": given no y beside it, expected the targets, add them");
  const Shape& shape = parts.y->shape();
  const bool many = settings.learn == "value" && shape.size() == 2;
  require((shape.size() == 1 || many || (shape.size() == 2 && shape[1] == 1)) && shape[0] == n &&
              parts.y->size() > 0,
          parts.where, ": given y of shape ", to_text(shape), ", expected a target for each of ", n,
          " sequences");
  scan.set.targets = parts.y->size() / n;
  for (Index i = 0; i < parts.y->size(); ++i) {
    const auto place = [&] { return text(parts.where, ": target ", i + 1); };
    const double value = (*parts.y)[i];
    scan.set.y.push_back(settings.learn == "class" ? float(scan.classes.of(place, word_of(value)))
                                                   : target_number(place, value));
  }
}

void append_arrays(const ArrayParts& parts, const SequenceSettings& settings, SequenceScan& scan) {
  for (const char* const name : {"id", "columns", "label"})
    require(write_config(settings)[name] == "", name, ": given with ", parts.where,
            ", where it would do nothing, expected it with a table, leave it out");
  const Shape& shape = parts.x.shape();
  const Index channels = shape.size() == 3 ? shape[2] : 1, most = shape[1] * channels;
  require(!settings.has_tokens() || channels == 1, parts.where, ": given ", channels,
          " channels of tokens, expected one, reshape it");
  scan.set.channels = channels;
  if (scan.with_targets && settings.learn != "next") append_targets(parts, settings, scan);
  for (Index n = 0; n < shape[0]; ++n) {
    const Index size = length_of(parts, n) * channels;
    for (Index i = 0; i < size; ++i) {
      const auto place = [&] {
        return text(parts.where, ": sequence ", n + 1, ", step ", i / channels + 1, ", channel ",
                    i % channels + 1);
      };
      const double value = parts.x[n * most + i];
      scan.set.x.push_back(settings.has_tokens() ? float(scan.tokens.of(place, word_of(value)))
                                                 : step_number(place, value, settings));
    }
    scan.set.ends.push_back(Index(scan.set.x.size()) / channels);
  }
}

}  // namespace

void append_sequences(const std::string& where, std::string_view bytes, bool by_tabs, const std::string& part,
                      const SequenceSettings& settings, SequenceScan& scan) {
  const Index channels = scan.set.channels, targets = scan.set.targets;
  const bool first = scan.set.count() == 0;
  if (is_npz(bytes)) {
    const Arrays arrays = unpack_npz(where, bytes);
    append_arrays(parts_of(where, arrays, arrays.contains("x") ? "" : part), settings, scan);
  } else if (is_npy(bytes)) {
    append_rows(where, NpyView(where, bytes), settings, scan);
  } else {
    append_csv(where, bytes, by_tabs ? '\t' : ',', settings, scan);
  }
  require(first || (scan.set.channels == channels && scan.set.targets == targets), where, ": given ",
          scan.set.channels, " channels and ", scan.set.targets, " targets, expected ", channels, " and ",
          targets, " as in the files before");
}

}  // namespace stillpoint
