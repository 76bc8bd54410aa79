// The models that the self-test runs, and their data.
#pragma once
#include <string>
#include <vector>

#include "engine/io/files.h"
#include "tasks/data/image_set.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

// A picture of side x side pixels with edges and slopes, and digits that a model learns in a few steps, in
// files that live as long as this object.
class SelftestFiles {
 public:
  SelftestFiles(int side, Index train_digits);
  std::string picture() const { return (folder_.path() / "picture.png").string(); }
  std::string digits() const { return (folder_.path() / "mnist").string(); }

 private:
  TemporaryFolder folder_;
};

// Returns images (count,1,28,28): digit k is a bright bar in rows 2 k + 4 and 2 k + 5 on an uneven
// background; `phase` shifts their order.
ImageSet bar_digits(Index count, Index phase);

struct SelftestModel {
  const TaskKind* kind;
  std::string model;
  SelftestRow row;
  std::string name() const { return text(kind->name(), " ", model); }
  Json full_config() const;
  Json small_config() const;
};
// Returns the models that the tasks name, with settings that read these files.
std::vector<SelftestModel> selftest_models(const SelftestFiles& files);

}  // namespace stillpoint
