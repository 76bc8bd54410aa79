// Tests the driver of peers with scripts that speak its protocol, well or badly, and with the real
// frameworks.
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "kernels/host/threads.h"
#include "tasks/bench/peer.h"
#include "tasks/process/child.h"
#include "tasks/process/python.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint::bench {
namespace {

using test::TempDir;

// A peer without a framework. It computes the losses of counted_call(): the sum of w, from the state, over
// 1, 2, 3, ... `fault` is a line of Python that runs before each answer, with the request in `r`.
std::string script(const TempDir& folder, const std::string& fault) {
  const std::string path = (folder / "fake.py").string();
  std::ofstream(path) << R"(import json, os, struct, sys, time
step = 0
def losses(n):
    global step
    step += n
    return [total / k for k in range(step - n + 1, step + 1)]
for line in sys.stdin:
    r = json.loads(line)
    )" << fault << R"(
    if "make" in r:
        with open(r["make"]["state"], "rb") as file:
            size, = struct.unpack("<Q", file.read(8))
            begin, end = json.loads(file.read(size))["w"]["data_offsets"]
            data = file.read()[begin:end]
        total = sum(struct.unpack(f"<{len(data) // 4}f", data))
        print(json.dumps({"made": "fake 1.0"}))
    elif "steps" in r:
        print(json.dumps({"losses": losses(r["steps"])}))
    else:
        print(json.dumps({"ms": [1.5, 2.5], "loss": losses(1)[0]}))
)";
  return path;
}

Call counted_call() {
  const auto steps = std::make_shared<int>(0);
  const Tensor w = Tensor::from(std::vector<double>{1, 2, 4}, {3}, {});
  return {.work = {},
          .run = [steps] { ++*steps; },
          .loss = [steps] { return 7.0 / *steps; },
          .state = {{"w", w}}};
}

PeerOptions fake(const TempDir& folder, const std::string& fault = "pass") {
  return {.name = "torch", .script = script(folder, fault), .patience = 20};
}

std::unique_ptr<Peer> start(const PeerOptions& options) {
  return std::make_unique<Peer>("step/copy-memory/deq", Sizes{.batch = 1}, counted_call(), options);
}

// While it lives, temporary folders of this process are made in a folder of its own.
class OwnTemporaries {
 public:
  OwnTemporaries() : before_(std::filesystem::temp_directory_path()) {
    ::setenv("TMPDIR", folder_.path().c_str(), 1);
  }
  ~OwnTemporaries() { ::setenv("TMPDIR", before_.c_str(), 1); }
  bool empty() const { return std::filesystem::is_empty(folder_.path()); }

 private:
  TempDir folder_;
  std::string before_;
};

}  // namespace

TEST_CASE("a peer that computes the same is timed", "[peer]") {
  const TempDir folder;
  const OwnTemporaries temporaries;
  {
    const auto peer = start(fake(folder));
    CHECK(peer->version() == "fake 1.0");
    CHECK(peer->losses() == std::vector<double>{7, 3.5, 7.0 / 3});
    CHECK(peer->run(0.1) == std::vector<double>{1.5, 2.5});
    Row ours;
    ours.workload = "step/copy-memory/deq";
    ours.memory_bytes = 1;
    const Row row = peer->row(ours);
    CHECK(row.program == "torch");
    CHECK(row.workload == ours.workload);
    CHECK(row.loss == 7.0 / 4);
    CHECK(std::isnan(row.memory_bytes));
  }
  CHECK(temporaries.empty());
}

TEST_CASE("a peer that computes something else is refused with the losses of both", "[peer]") {
  const TempDir folder;
  CHECK_THAT(error_text([&] { start(fake(folder, "step += 'steps' in r")); }),
             mentions("peer torch: given step/copy-memory/deq, its first losses are 3.5, 2.33333",
                      "ours are 7, 3.5, 2.33333", "is not timed"));
  // A difference of 2e-4 is refused in float32, and accepted in bf16.
  PeerOptions options = fake(folder, "total = locals().get('total', 0) * (1 + 2e-4 * ('steps' in r))");
  CHECK_THAT(error_text([&] { start(options); }), mentions("by less than 0.0001"));
  options.precision = "bf16";
  CHECK(start(options)->losses().size() == 3);
}

TEST_CASE("a peer that fails, hangs or prints nonsense is an error with its last words", "[peer]") {
  const TempDir folder;
  for (const auto& [fault, words] : std::vector<std::pair<std::string, Mentions>>{
           {"print('out of luck', file=sys.stderr); sys.exit(3)",
            mentions("peer torch: ended with status 3", "out of luck")},
           {"raise ValueError('not today')", mentions("ended with status 1", "ValueError: not today")},
           {"os.kill(os.getpid(), 9)", mentions("ended by signal 9")},
           {"print('hello')", mentions("peer torch: printed 'hello', expected an object of JSON")},
           {"print('[1]')", mentions("printed '[1]'")},
           {"print('{}')", mentions("answered '{}', expected \"made\"")},
           {"print(json.dumps({'error': 'no such model'}))", mentions("peer torch: no such model")},
           {"os.write(1, b'x' * (1 << 25)); time.sleep(60)", mentions("without a line's end")},
           {"print(json.dumps({'losses': [1, 2]})) if 'steps' in r else None",
            mentions("expected a list 'losses' of 3 numbers")},
           {"print('{\"losses\": [1, NaN, 2]}') if 'steps' in r else None",
            mentions("printed '{\"losses\": [1, NaN, 2]}'")},
           {"print(json.dumps({'ms': []})) if 'run' in r else None", mentions("expected a list 'ms'")},
           {"print(json.dumps({'ms': [-1]})) if 'run' in r else None", mentions("not negative")}}) {
    INFO(fault);
    CHECK_THAT(error_text([&] { start(fake(folder, fault))->run(0.1); }), words);
  }
  PeerOptions hangs = fake(folder, "print('slow', file=sys.stderr); time.sleep(60)");
  hangs.patience = 0.5;
  CHECK_THAT(error_text([&] { start(hangs); }), mentions("gave no answer for 0.5 s", "slow"));
}

TEST_CASE("a missing framework names the install that brings it", "[peer]") {
  const TempDir folder;
  PeerOptions options =
      fake(folder, "print(json.dumps({'error': 'python3 has no module jax', 'install': 'jax'}), flush=True)");
  options.name = "jax";
  options.python = "python3";
  CHECK_THAT(error_text([&] { start(options); }),
             mentions("peer jax: python3 has no module jax", "`python3 -m pip install jax`", "--python",
                      "STILLPOINT_PYTHON"));
  options.python = "/no/python";
  CHECK_THAT(error_text([&] { start(options); }), mentions("/no/python", "No such file or directory"));
  options.python = "no-such-python";
  CHECK_THAT(error_text([&] { start(options); }), mentions("no-such-python", "not on the PATH"));
}

TEST_CASE("peers are chosen by name, and only for workloads that they have", "[peer]") {
  CHECK(peer_runs("torch", "step/mnist/mondeq-single"));
  CHECK_FALSE(peer_runs("torch", "eval/mnist/mondeq-single"));
  CHECK(peer_runs("torchdeq", "step/copy-memory/deq"));
  CHECK_FALSE(peer_runs("torchdeq", "step/mnist/mondeq-single"));
  CHECK(peer_runs("mondeq-torch", "step/mnist/mondeq-single"));
  CHECK_THAT(error_text([] { peer_runs("torhc", "step/x"); }),
             mentions("--peer", "torhc", "torch, torch-compile, torch-graph, jax, torchdeq, mondeq-torch"));
  CHECK(peer_runs("jax", "step/mnist/mondeq-single"));
  CHECK_FALSE(peer_runs("jax", "step/mnist/mondeq-multi"));
  CHECK_NOTHROW(require_device_of_peer("torch", Device::cpu));
  CHECK_NOTHROW(require_device_of_peer("torch-graph", Device::cuda));
  CHECK_THAT(error_text([] { require_device_of_peer("torch-graph", Device::cpu); }),
             mentions("--peer", "torch-graph", "no CUDA graphs"));
}

// Sizes at which each step takes milliseconds.
Sizes small(const Workload& w) {
  Sizes s = w.usual;
  s.batch = std::min<Index>(s.batch, w.name.find("pixels") != w.name.npos ? 512 : 4);
  if (w.name.find("copy-memory") != w.name.npos) s.length = 60;
  return s;
}

// Prints the losses of three steps and their largest difference, relative to ours. A peer that differs too
// much cannot be made.
void check_losses(const Workload& w, kernels::Precision precision, const std::string& name,
                  const std::string& python) {
  const kernels::ScopedPrecision scoped(precision);
  const Sizes sizes = small(w);
  try {
    const Peer peer(w.name, sizes, w.make(sizes, Device::cpu),
                    {.name = name, .python = python, .precision = name_of(precision)});
    double largest = 0;
    std::cout << w.name << " " << name << " " << name_of(precision) << ":";
    for (std::size_t i = 0; i < 3; ++i) {
      std::cout << " " << peer.losses()[i] << " (ours " << peer.our_losses()[i] << ")";
      largest = std::max(largest, std::abs(peer.losses()[i] / peer.our_losses()[i] - 1));
    }
    std::cout << ", differing by " << largest << "\n";
  } catch (const Error& error) {
    FAIL_CHECK(w.name << " " << name_of(precision) << " " << error.what());
  }
}

TEST_CASE("three steps of every workload have the losses of PyTorch", "[peer][frameworks]") {
  const std::string python = python_program();
  const TempDir folder;
  std::ofstream(folder / "probe.py") << "import torch\nprint('yes')\n";
  try {
    Child probe("torch", {.command = {python, (folder / "probe.py").string()}});
    if (probe.line(120) != "yes") return;
  } catch (const Error&) {
    WARN("not tested: " << python << " has no torch; name one that has in STILLPOINT_PYTHON");
    return;
  }
  std::vector<std::string> names{"torch", "mondeq-torch"};
  if (const char* const more = std::getenv("STILLPOINT_TEST_PEERS");
      more != nullptr) {  // as in "jax torchdeq"
    std::istringstream words(more);
    names.assign(std::istream_iterator<std::string>(words), {});
  }
  for (const kernels::Precision precision : {kernels::Precision::float32, kernels::Precision::bf16})
    for (const Workload& w : workloads())
      for (const std::string& name : names)
        if (peer_runs(name, w.name)) check_losses(w, precision, name, python);
}

}  // namespace stillpoint::bench
