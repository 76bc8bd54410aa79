// Computes digests, and refuses data and settings that have changed since a run was begun.
#include "tasks/training/content.h"

#include <algorithm>
#include <cstdio>

#include "tasks/data/dataset.h"
#include "tasks/io/image.h"
#include "tasks/process/ranks.h"
#include "tasks/sequences/sequence_data.h"

namespace stillpoint {
namespace {

template <class Values>
std::uint64_t add(std::uint64_t hash, const Values& values) {
  return hash_of({reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]}, hash);
}

std::string hexadecimal(std::uint64_t hash) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace

std::string content_of(const Image& image) {
  return text(image.width, " x ", image.height, " pixels, digest ", hexadecimal(add(empty_hash, image.rgb)));
}

std::string content_of(const Dataset& data) {
  std::uint64_t hash = data.digest;
  if (hash == 0) {
    hash = empty_hash;
    for (const ImageSet* const set : {&data.train, &data.test})
      hash = add(add(hash, set->pixels), set->labels);
  }
  const Index valid = Index(data.valid.size());
  return text(data.train.count - valid, valid > 0 ? text(", ", valid) : "", " and ", data.test.count,
              " images, digest ", hexadecimal(hash));
}

std::string content_of(const SequenceData& data) {
  return text(data.set.count(), " sequences of ", data.set.ends.back(), " steps, digest ",
              hexadecimal(data.digest));
}

void require_same_content(const std::string& where, const std::string& recorded, const std::string& now) {
  require(recorded.empty() || recorded == now, where, ": given data of ", now,
          ", expected those that the run was trained on, of ", recorded,
          "; name their new place (IMAGE, --image or --data), or pass --other-data to continue with these");
}

namespace {

const std::vector<std::string> changeable{
    "epochs",           "patience",           "target",        "minutes", "evaluate_every",
    "checkpoint_every", "checkpoint_minutes", "picture_memory"};

}  // namespace

bool may_change(const std::string& setting) {
  return std::find(changeable.begin(), changeable.end(), setting) != changeable.end();
}

std::string changeable_settings() { return join(changeable); }

void require_same_settings(const std::string& path, const Json& beside, const Json& of_checkpoint) {
  std::string given, expected;
  for (const auto& [name, value] : of_checkpoint.items()) {
    if (name == "image" || name == "data" || may_change(name) || !beside.contains(name) ||
        beside[name] == value)
      continue;
    given += text(given.empty() ? "" : ", ", name, " ", beside[name].dump());
    expected += text(expected.empty() ? "" : ", ", name, " ", value.dump());
  }
  require(given.empty(), path, ": given ", given, ", expected ", expected,
          " as the checkpoint beside it has it: a resumed run keeps its settings; put them back, or begin a "
          "new run "
          "with --config ",
          path);
}

}  // namespace stillpoint
