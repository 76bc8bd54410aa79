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
  const char *task, *model;
  bool recorded;       // whether its steps can be replayed as one graph
  const char* batch;   // the task's own batch size, in words
  Index timed_on_cpu;  // steps
};
const std::vector<SelftestModel>& selftest_models();

// The task's own sizes, which are the paper's, and sizes that take a second on the CPU.
Json full_config(const SelftestModel& model, const SelftestFiles& files);
Json small_config(const SelftestModel& model, const SelftestFiles& files);

}  // namespace stillpoint
