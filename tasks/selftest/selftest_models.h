// The models that the self-test runs, with what they train on.
#pragma once
#include <string>
#include <vector>

#include "engine/io/files.h"
#include "tasks/data/image_set.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

// A picture with edges and slopes of side x side pixels, and digits that a few steps learn, in files that
// live as long as this.
class SelftestFiles {
 public:
  SelftestFiles(int side, Index train_digits);
  std::string picture() const { return (folder_.path() / "picture.png").string(); }
  std::string digits() const { return (folder_.path() / "mnist").string(); }

 private:
  TemporaryFolder folder_;
};

// (count,1,28,28): digit k is a bright bar in rows 2 k + 4 and 2 k + 5 on an uneven ground; phase moves their
// order.
ImageSet bar_digits(Index count, Index phase);

struct SelftestModel {
  const char *task, *model;
  bool recorded;       // whether its steps can be replayed as one graph
  const char* batch;   // of the task's own size, in words
  Index timed_on_cpu;  // steps
};
const std::vector<SelftestModel>& selftest_models();

// The task's own sizes, which are the paper's; and sizes that take a second on the CPU.
Json full_config(const SelftestModel& model, const SelftestFiles& files);
Json small_config(const SelftestModel& model, const SelftestFiles& files);

}  // namespace stillpoint
