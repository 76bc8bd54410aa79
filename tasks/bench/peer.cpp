// Starts a peer, demands the losses of our program from it, and times its steps.
#include "tasks/bench/peer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "engine/io/checkpoint.h"
#include "engine/words.h"
#include "tasks/process/child.h"
#include "tasks/process/python.h"
#include "tasks/settings/shipped.h"

namespace stillpoint::bench {
namespace {

constexpr int checked_steps = 3;

// A peer, the part of the workloads' names that it has, and the part that it lacks.
struct Kind {
  const char *name, *workloads = "", *lacks = " ";
  bool only_cuda = false;
};
constexpr std::array kinds{Kind{.name = "torch"},
                           Kind{.name = "torch-compile"},
                           Kind{.name = "torch-graph", .only_cuda = true},
                           Kind{.name = "jax", .lacks = "/mondeq-multi"},
                           Kind{.name = "torchdeq", .workloads = "/deq"},
                           Kind{.name = "mondeq-torch", .workloads = "/mondeq-"}};

const Kind& kind_named(const std::string& peer) {
  for (const Kind& kind : kinds)
    if (peer == kind.name) return kind;
  fail("--peer: given '", shown(peer), "', expected one of ", join(peer_names()),
       did_you_mean(peer, peer_names()), ", choose one");
}

// In bf16 the losses of two frameworks differed by 2e-3 at most; tf32 rounds less.
double allowed_difference(const std::string& precision) { return precision == "float32" ? 1e-4 : 5e-3; }

// The modules of Python in a folder of their own.
std::string unpack_scripts(const std::filesystem::path& folder) {
  for (const ShippedFile& file : shipped_files())
    if (file.name.starts_with("peers/"))
      write_atomically(folder / std::string(file.name.substr(6)), file.text);
  return (folder / "peer.py").string();
}

Json to_json(const Sizes& s) {
  return {{"batch", s.batch},         {"length", s.length},
          {"width", s.width},         {"evaluations", s.evaluations},
          {"tolerance", s.tolerance}, {"solver", s.solver}};
}

std::string to_text(const std::vector<double>& values) {
  std::ostringstream out;
  out.precision(9);
  for (const double& v : values) out << (&v == values.data() ? "" : ", ") << v;
  return out.str();
}

std::vector<double> losses_of(const Call& call, int steps) {
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) {
    if (call.before) call.before();
    call.run();
    losses.push_back(call.loss());
  }
  return losses;
}

bool agree(const std::vector<double>& a, const std::vector<double>& b, double allowed) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](double x, double y) { return std::abs(x - y) <= allowed * std::abs(y); });
}

}  // namespace

struct Peer::State {
  TemporaryFolder folder;
  PeerOptions options;
  std::string python, version;
  std::vector<double> ours, theirs;
  double loss = not_measured;
  std::unique_ptr<Child> child;

  // Sends a request and returns the answer, which is an object without an error.
  Json ask(const Json& request, double seconds) {
    child->send(request.dump(), seconds);
    const std::string line = child->line(seconds);
    const Json answer = Json::parse(line, nullptr, false);
    if (!answer.is_object()) child->fail(text("printed '", shown(line, 80), "', expected an object of JSON"));
    if (!answer.contains("error")) return answer;
    const std::string problem =
        shown(answer["error"].is_string() ? answer["error"].get<std::string>() : answer["error"].dump());
    if (!answer.contains("install")) child->fail(problem);
    fail("peer ", options.name, ": ", problem, ", expected it; install it with `", shell_quoted(python),
         " -m pip install ", shown(answer["install"].dump().substr(1, answer["install"].dump().size() - 2)),
         "`, or name another Python by --python or STILLPOINT_PYTHON");
  }
  // Returns a list of `least` positive numbers or more from an answer.
  std::vector<double> numbers(const Json& answer, const char* name, std::size_t least) {
    std::vector<double> all;
    if (answer.contains(name) && answer[name].is_array())
      for (const Json& value : answer[name])
        if (value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() >= 0)
          all.push_back(value.get<double>());
    if (all.size() < least || all.size() != answer[name].size())
      child->fail(text("answered '", shown(answer.dump(), 80), "', expected a list '", name, "' of ",
                       least == 1 ? "numbers" : text(least, " numbers"), " that are not negative"));
    return all;
  }
};

std::vector<std::string> peer_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.emplace_back(kind.name);
  return names;
}

bool peer_runs(const std::string& peer, const std::string& workload) {
  const Kind& kind = kind_named(peer);
  return workload.starts_with("step/") && workload.find(kind.workloads) != workload.npos &&
         workload.find(kind.lacks) == workload.npos;
}

void require_device_of_peer(const std::string& peer, Device device) {
  require(device == Device::cuda || !kind_named(peer).only_cuda, "--peer: given ", peer, " with --device ",
          name_of(device), ", which has no CUDA graphs, expected --device cuda, use it or choose others");
}

Peer::Peer(const std::string& workload, const Sizes& sizes, const Call& ours, const PeerOptions& options)
    : state_(std::make_unique<State>()) {
  require(peer_runs(options.name, workload), "peer ", options.name, ": given ", workload,
          ", expected a workload that it has, choose another peer");
  require_device_of_peer(options.name, options.device);
  State& s = *state_;
  s.options = options;
  s.python = python_program(options.python);
  const std::filesystem::path state = s.folder.path() / "state.safetensors";
  save_tensors(state, ours.state);
  const std::string script = options.script.empty() ? unpack_scripts(s.folder.path()) : options.script;
  // Memory that a framework frees stays with its process: the next step would have to ask for it again.
  s.child = std::make_unique<Child>(
      text("peer ", options.name),
      Start{.command = {s.python, "-u", "-B", script},
            .environment = {"MALLOC_MMAP_MAX_=0", "MALLOC_TRIM_THRESHOLD_=-1", "MALLOC_TOP_PAD_=67108864"}});
  const Json made = s.ask({{"make",
                            {{"peer", options.name},
                             {"workload", workload},
                             {"sizes", to_json(sizes)},
                             {"state", state.string()},
                             {"device", name_of(options.device)},
                             {"threads", options.threads},
                             {"precision", options.precision}}}},
                          options.patience);
  if (!made.contains("made") || !made["made"].is_string())
    s.child->fail(text("answered '", shown(made.dump(), 80), "', expected \"made\" with a version"));
  s.version = made["made"];
  s.ours = losses_of(ours, checked_steps);
  s.theirs = s.numbers(s.ask({{"steps", checked_steps}}, options.patience), "losses", checked_steps);
  const double allowed = allowed_difference(options.precision);
  require(agree(s.theirs, s.ours, allowed), "peer ", options.name, ": given ", workload,
          ", its first losses are ", to_text(s.theirs), ", ours are ", to_text(s.ours),
          ", expected them to differ by less than ", allowed,
          " of their size; a program that computes something else is not timed");
}

Peer::~Peer() = default;

std::vector<double> Peer::run(double seconds) {
  const Json answer = state_->ask({{"run", seconds}}, state_->options.patience + seconds);
  const std::vector<double> ms = state_->numbers(answer, "ms", 1);
  if (answer.contains("loss") && answer["loss"].is_number()) state_->loss = answer["loss"];
  return ms;
}

Row Peer::row(const Row& ours) const {
  Row row = ours;
  row.program = state_->options.name;
  row.ms = {};
  row.memory_bytes = row.allocations = row.times_sim = row.replayed_ms = row.cold_ms = not_measured;
  row.loss = state_->loss;
  return row;
}

const std::string& Peer::version() const { return state_->version; }
const std::vector<double>& Peer::our_losses() const { return state_->ours; }
const std::vector<double>& Peer::losses() const { return state_->theirs; }

}  // namespace stillpoint::bench
