// Tests sums over ranks and training steps taken together. All ranks run these tests: mpirun -n N.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "engine/gradient_buckets.h"
#include "engine/ops.h"
#include "tasks/io/image.h"
#include "tasks/process/ranks.h"
#include "tasks/selftest/selftest.h"
#include "tests/parallel/group.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/device_array.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"
#if STILLPOINT_SIMT
#include "simt/machine.h"
#endif

namespace stillpoint {
namespace {

using kernels::Communicator;
using test::devices;
using test::group;

// On the emulator, queues run their work late.
struct LateWhereEmulated {
#if STILLPOINT_SIMT
  explicit LateWhereEmulated(std::uint64_t seed) {
    simt::set_seed(seed);
    simt::set_late(true);
  }
  ~LateWhereEmulated() {
    simt::set_late(false);
    simt::set_seed(1);
  }
#else
  explicit LateWhereEmulated(std::uint64_t) {}
#endif
};

Tensor variable(std::vector<double> values, Device device) {
  const Index n = Index(values.size());
  return Tensor::from(values, {n}, {DType::float64, device}).variable();
}

// Returns n numbers of a rank. They are exact in float32, and no order of adding them rounds.
template <class T>
std::vector<T> numbers(Index n, Index rank) {
  std::vector<T> values;
  for (Index i = 0; i < n; ++i) values.push_back(T((i * 37 % 101) + 128 * rank));
  return values;
}
template <class T>
std::vector<T> sums_of_all(Index n) {
  std::vector<T> total(std::size_t(n), T(0));
  for (Index r = 0; r < group().size(); ++r)
    for (Index i = 0; i < n; ++i) total[std::size_t(i)] += numbers<T>(n, r)[std::size_t(i)];
  return total;
}

// A folder that rank 0 makes for all ranks.
struct SharedFolder {
  std::optional<test::TempDir> own;
  std::filesystem::path path;
  SharedFolder() {
    if (group().rank() == 0) own.emplace();
    path = group().broadcast(own ? own->path().string() : "");
  }
  ~SharedFolder() { group().barrier(); }
};

// Compares steps that all ranks take together with those of one process, in float64; on a GPU recorded and
// unrecorded.
void check_steps(const TaskKind& kind, const Json& config, Index steps, double tolerance = 1e-10) {
  for (const Device device : devices()) {
    INFO(name_of(device) << ", rank " << group().rank());
    const FirstSteps alone = first_steps(kind, config, device, steps);
    const FirstSteps shared = first_steps(kind, config, device, steps, true, group());
    for (std::size_t i = 0; i < std::size_t(steps); ++i) {
      INFO("step " << i);
      CHECK(std::abs(shared.losses[i] - alone.losses[i]) <= tolerance * std::abs(alone.losses[i]));
      CHECK(std::abs(shared.grad_norms[i] - alone.grad_norms[i]) <=
            20 * tolerance * std::abs(alone.grad_norms[i]));
    }
    const FirstSteps again = first_steps(kind, config, device, steps, false, group());
    CHECK(again.losses == shared.losses);
    CHECK(again.grad_norms == shared.grad_norms);
    CHECK(shared.replays == (device == Device::cpu ? 0 : alone.replays));
  }
}

}  // namespace

TEST_CASE("the ranks have met", "[group]") {
  REQUIRE(group().size() > 1);
  CHECK(&group() == Communicator::joined());
  CHECK(group().local_size() == group().size());
  const std::vector<std::uint64_t> ranks = group().gather(std::uint64_t(group().rank()) * 10);
  for (std::size_t r = 0; r < ranks.size(); ++r) CHECK(ranks[r] == 10 * r);
  CHECK(group().broadcast(group().rank() == 0 ? std::string("from\0 0", 7) : "other") ==
        std::string("from\0 0", 7));
  CHECK(group().sum({1, double(group().rank())})[0] == double(group().size()));
  CHECK_FALSE((group().rank() > 0 && group().leads_survivors()));
  group().barrier();
}

TEST_CASE("arrays are summed, some while others are", "[group]") {
  for (const Device device : devices()) {
    INFO(name_of(device));
    group().prepare(device);
    for (int pass = 0; pass < 3; ++pass) {
      const LateWhereEmulated late(std::uint64_t(pass + 1));
      const DeviceArray<float> a(device, numbers<float>(1000, group().rank()));
      const DeviceArray<double> b(device, numbers<double>(3, group().rank())),
          c(device, numbers<double>(70, group().rank()));
      group().start_sum(a.array());
      const auto pending = group().start_sum({2.5});
      group().start_sum(b.array());
      group().sum(c.array());
      group().progress();
      group().finish_sums();
      CHECK(a.host() == sums_of_all<float>(1000));
      CHECK(b.host() == sums_of_all<double>(3));
      CHECK(c.host() == sums_of_all<double>(70));
      group().wait_for(device);
      CHECK(group().wait(pending)[0] == 2.5 * double(group().size()));
    }
  }
}

TEST_CASE("gradients in buckets of any size are the same bits on all ranks", "[group]") {
  for (const Device device : devices()) {
    group().prepare(device);
    const LateWhereEmulated late(2);
    const double r = double(group().rank());
    const Tensor a = variable({1, 2, 3}, device), b = variable({4, 5, 6 + r}, device),
                 c = variable({0.1}, device);
    const std::vector<Tensor> params{a, b, c};
    std::vector<std::vector<double>> expected;  // summed over all ranks
    for (const Tensor& g : grad(sum(multiply(a, multiply(b, b))) + multiply(c, c), params))
      expected.push_back(group().sum(affine(g, 1 / (2 + r), 0).values()));
    for (const Index bytes : {1, 24, 32, 1 << 20}) {
      GradientBuckets buckets(group(), params, bytes);
      for (int pass = 0; pass < 3; ++pass) {
        const std::vector<Array> found =
            buckets.gradients(sum(multiply(a, multiply(b, b))) + multiply(c, c), 1 / (2 + r));
        group().wait_for(device);
        for (std::size_t i = 0; i < params.size(); ++i) {
          std::vector<double> values(std::size_t(found[i].size));
          copy_bytes(values.data(), Device::cpu, found[i].data, device, values.size() * sizeof(double));
          for (std::size_t k = 0; k < values.size(); ++k)
            CHECK(values[k] == Approx(expected[i][k]).epsilon(1e-14));
          require_agreement(group(),
                            hash_of({reinterpret_cast<const char*>(values.data()), 8 * values.size()}),
                            "gradients", "");
        }
      }
    }
  }
}

TEST_CASE("what differs between ranks is named on all of them", "[group]") {
  const std::uint64_t own = group().rank() == group().size() - 1 ? 1 : 0;
  const std::string said = test::error_of([&] { require_agreement(group(), own, "things", "do something"); });
  CHECK_THAT(said, mentions(text("given things on rank ", group().size() - 1), "do something"));
}

TEST_CASE("steps of copy memory together are those of one process", "[group]") {
  const LateWhereEmulated late(3);
  for (const auto& [model, batch] :
       {std::pair("single", 5), std::pair("single", 1), std::pair("two", 5), std::pair("deq", 2)}) {
    INFO(model << ", batch " << batch);
    const Json config = task_kind("copy-memory")
                            .resolve({{{{"model", model},
                                        {"blank", 6},
                                        {"batch", batch},
                                        {"tcn_blocks", 2},
                                        {"tcn_channels", 4},
                                        {"lr", 0.002},
                                        {"seed", 1},
                                        {"d_phi", 8},
                                        {"d_psi", 8},
                                        {"hidden", 8},
                                        {"deq_features", 8},
                                        {"deq_heads", 2},
                                        {"deq_inner", 8},
                                        {"solver_steps", 3},
                                        {"adjoint_steps", 3},
                                        {"train_sequences", 12},
                                        {"valid_sequences", 2},
                                        {"test_sequences", 2},
                                        {"dtype", "float64"},
                                        {"clip", 0.25}},
                                       "test"}});
    check_steps(task_kind("copy-memory"), config, 4);
  }
}

TEST_CASE("steps of image regression together are those of one process", "[group]") {
  const LateWhereEmulated late(4);
  const SharedFolder folder;
  const std::filesystem::path picture = folder.path / "picture.png";
  if (folder.own) {
    Image image{11, 14, 3, {}};
    for (int i = 0; i < 11 * 14 * 3; ++i) image.rgb.push_back(std::uint8_t((i * 7919) % 251));
    write_png(picture, image);
  }
  group().barrier();
  const Json config = task_kind("image-regression")
                          .resolve({{{{"model", "two"},
                                      {"image", picture.string()},
                                      {"phi_hidden", 8},
                                      {"d_phi", 6},
                                      {"d_psi", 10},
                                      {"hidden", 8},
                                      {"dtype", "float64"}},
                                     "test"}});
  check_steps(task_kind("image-regression"), config, 4);
}

TEST_CASE("steps of image classification together have one batch's statistics", "[group]") {
  const LateWhereEmulated late(5);
  const SharedFolder folder;
  if (folder.own) test::write_bar_mnist(folder.path, 20, 4);
  group().barrier();
  for (const auto& [model, batch] :
       {std::pair("sim", 5), std::pair("sim", 2), std::pair("mondeq-single", 2)}) {
    INFO(model << ", batch " << batch);
    const Json config = task_kind("image-classification")
                            .resolve({{{{"model", model},
                                        {"dataset", "mnist"},
                                        {"data", folder.path.string()},
                                        {"channels", "1"},
                                        {"batch", batch},
                                        {"d_phi", 4},
                                        {"hidden", 3},
                                        {"lr", 0.003},
                                        {"schedule", "constant"},
                                        {"epochs", 1},
                                        {"dtype", "float64"},
                                        {"tolerance", 0.1}},
                                       "test"}});
    check_steps(task_kind("image-classification"), config, 3);
  }
}

// The last rank arrives once rank 0 has reported that only this rank is missing. On a busy machine rank 0 may
// report other ranks first.
TEST_CASE("a rank that others wait for is named, and nobody who waits", "[group]") {
  using namespace std::chrono_literals;
  const SharedFolder folder;
  const std::filesystem::path named = folder.path / "named";
  const Index late = group().size() - 1;
  const std::string expected = text(" s for rank ", late, " (process ");
  group().set_patience(0.2, [&](const std::string& words) {
    if (words.starts_with("rank 0 has waited") && words.find(expected) != std::string::npos)
      std::ofstream(named).flush();
  });
  group().barrier();
  if (group().rank() == late && late != 0)
    for (int i = 0; i < 1200 && !std::filesystem::exists(named); ++i) std::this_thread::sleep_for(50ms);
  group().barrier();
  group().set_patience(0, {});
  group().barrier();
  CHECK(std::filesystem::exists(named) == (late != 0));
}

}  // namespace stillpoint
