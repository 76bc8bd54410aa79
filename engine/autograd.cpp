// Records ops, and accumulates gradients in reverse over the recorded graph.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "kernels/host/range.h"
#include "kernels/launch/gradient_sums.h"

namespace stillpoint {
namespace {

thread_local bool recording = true;
std::atomic<std::uint64_t> next_order{0};

// Returns the nodes between y and xs (both included) in order of creation.
std::vector<Node*> path(Node* y, const std::unordered_set<Node*>& xs) {
  // reaches[n] says whether n leads to some x; it is filled in post-order on an explicit stack.
  std::unordered_map<Node*, bool> reaches;
  std::vector<std::pair<Node*, bool>> stack{{y, false}};
  std::vector<Node*> nodes;
  while (!stack.empty()) {
    const auto [node, expanded] = stack.back();
    stack.pop_back();
    if (!expanded) {
      if (!reaches.try_emplace(node, false).second) continue;
      stack.push_back({node, true});
      for (const Tensor& input : node->inputs)
        if (input.requires_grad()) stack.push_back({input.node().get(), false});
      continue;
    }
    bool leads = xs.contains(node);
    for (const Tensor& input : node->inputs)
      if (input.requires_grad() && reaches[input.node().get()]) leads = true;
    reaches[node] = leads;
    if (leads) nodes.push_back(node);
  }
  std::sort(nodes.begin(), nodes.end(), [](Node* a, Node* b) { return a->order < b->order; });
  return nodes;
}

void check_gradient(const Node& node, std::size_t i, const Tensor& gradient) {
  const Tensor& input = node.inputs[i];
  require(gradient.defined(), "grad: ", node.op, " gave its input ", i,
          " no gradient, expected one of shape ", to_text(input.shape()), ", correct its vjp");
  require(gradient.shape() == input.shape() && gradient.dtype() == input.dtype(), "grad: ", node.op,
          " gave its input ", i, " a gradient of ", to_text(gradient.shape()), " of ",
          name_of(gradient.dtype()), ", expected ", to_text(input.shape()), " of ", name_of(input.dtype()),
          ", correct its vjp");
}

// The weight gradients whose sums wait for one launch. Holds them, because the sums write to them.
class WaitingGradients {
 public:
  // Returns the gradient, which work that is queued from now on may read.
  const Tensor& ready(const Tensor& gradient) {
    if (waits(gradient)) finish();
    return gradient;
  }
  void hold(const std::vector<Tensor>& gradients) {
    std::copy_if(gradients.begin(), gradients.end(), std::back_inserter(held_),
                 [this](const Tensor& g) { return waits(g); });
  }
  void finish() {
    sums_.finish();
    held_.clear();
  }

 private:
  bool waits(const Tensor& t) const { return t.defined() && sums_.waits(t.array().data); }

  kernels::DeferredSums sums_;
  std::vector<Tensor> held_;
};

// What the nodes behind a tensor gave it, and a term that the caller adds to its gradient.
struct Cotangent {
  Tensor sum, plus;  // each may be undefined

  Tensor total() const { return !plus.defined() ? sum : sum.defined() ? add(sum, plus) : plus; }
};
struct Cotangents : std::unordered_map<Node*, Cotangent> {
  WaitingGradients waiting;
};

// The vjp that runs on this thread, whose terms take_term hands over.
struct Running {
  const std::vector<Tensor>* inputs = nullptr;
  Cotangents* cotangents = nullptr;
};
thread_local Running running;

// Calls a vjp, which may itself call grad.
std::vector<Tensor> run_vjp(const Node& node, const VjpContext& context, Cotangents& cotangents) {
  struct Restore {
    Running before = running;
    ~Restore() { running = before; }
  } restore;
  running = {&node.inputs, &cotangents};
  return node.vjp(context);
}

// Adds the cotangents of one node's inputs; `wanted_nodes` are those on the path.
void propagate(const Tensor& y, const std::unordered_set<Node*>& wanted_nodes, Cotangents& cotangents) {
  const Node& node = *y.node();
  const kernels::Range range(node.op);
  std::vector<char> wanted;
  for (const Tensor& input : node.inputs) wanted.push_back(wanted_nodes.contains(input.node().get()));
  const Tensor& seed = cotangents.waiting.ready(cotangents.at(y.node().get()).sum);
  const std::vector<Tensor> gradients = run_vjp(node, {y, seed, node.inputs, wanted}, cotangents);
  cotangents.waiting.hold(gradients);
  require(gradients.size() == node.inputs.size(), "grad: ", node.op, " gave ", gradients.size(),
          " gradients, expected ", node.inputs.size(), ", correct its vjp");
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!wanted[i]) continue;
    check_gradient(node, i, gradients[i]);
    Tensor& sum = cotangents[node.inputs[i].node().get()].sum;
    sum = sum.defined() ? add(cotangents.waiting.ready(sum), cotangents.waiting.ready(gradients[i]))
                        : gradients[i];
  }
}

// Reports each x as soon as no remaining node on the path can add to its gradient.
class Announcer {
 public:
  Announcer(const std::vector<Tensor>& xs, const std::vector<Node*>& nodes, const GradOptions& options)
      : on_ready_(options.on_ready), told_(xs.size(), 0) {
    if (!on_ready_) return;
    for (std::size_t i = 0; i < xs.size(); ++i) targets_[xs[i].node().get()].places.push_back(i);
    for (const Node* node : nodes) each_target(*node, [](Node*, Target& target) { ++target.consumers; });
  }
  // Called after the vjp of `node`.
  void passed(const Node& node, Cotangents& cotangents) {
    each_target(node, [&](Node* x, Target& target) {
      const auto found = cotangents.find(x);
      if (--target.consumers > 0 || found == cotangents.end()) return;
      cotangents.waiting.ready(found->second.sum);
      for (const std::size_t i : target.places) {
        told_[i] = 1;
        on_ready_(i, found->second.total());
      }
    });
  }
  // Reports the remaining ones: each x that nothing on the path consumes.
  void finish(const std::vector<Tensor>& gradients) {
    for (std::size_t i = 0; on_ready_ && i < gradients.size(); ++i)
      if (!told_[i]) on_ready_(i, gradients[i]);
  }

 private:
  struct Target {
    std::vector<std::size_t> places;  // indices in xs
    Index consumers = 0;              // those that remain
  };
  template <class F>
  void each_target(const Node& node, F f) {
    if (!node.vjp || targets_.empty()) return;
    for (const Tensor& input : node.inputs) {
      const auto target = targets_.find(input.node().get());
      if (target != targets_.end()) f(target->first, target->second);
    }
  }
  const std::function<void(std::size_t, const Tensor&)>& on_ready_;
  std::unordered_map<Node*, Target> targets_;
  std::vector<char> told_;
};

}  // namespace

Node::Node() : order(next_order++) {}

Node::~Node() {
  // Releasing the inputs one inside another would recurse as deeply as the graph is long.
  std::vector<Tensor> pending = std::move(inputs);
  vjp = nullptr;
  while (!pending.empty()) {
    Tensor last = std::move(pending.back());
    pending.pop_back();
    if (!last.defined() || last.node().use_count() > 1) continue;
    for (Tensor& input : last.node()->inputs) pending.push_back(std::move(input));
    last.node()->inputs.clear();
    last.node()->vjp = nullptr;
  }
}

Recording::Recording(bool on) : before_(recording) { recording = on; }
Recording::~Recording() { recording = before_; }
bool Recording::on() { return recording; }

Tensor record(Tensor y, const char* op, std::vector<Tensor> inputs, Vjp vjp) {
  Node& node = *y.node_;
  node.op = op;
  if (!recording) return y;
  const bool needed =
      std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  if (!needed) return y;
  node.requires_grad = true;
  node.inputs = std::move(inputs);
  node.vjp = std::move(vjp);
  return y;
}

Tensor record(Tensor y, const char* op, std::initializer_list<Tensor> inputs, Vjp vjp) {
  return record(std::move(y), op, std::vector<Tensor>(inputs), std::move(vjp));
}

namespace {

void check_seed(const Tensor& y, const Tensor& seed) {
  require(y.requires_grad(), "grad: given an unrecorded output, expected one made from a variable(), ",
          "check that recording is on and that its inputs require gradients");
  require(seed.defined() || y.size() == 1, "grad: given shape ", to_text(y.shape()),
          " and no seed, expected one element, pass a seed");
  if (seed.defined())
    require(seed.shape() == y.shape(), "grad: given a seed of shape ", to_text(seed.shape()), ", expected ",
            to_text(y.shape()), ", check the seed");
}

// `plus` may be undefined; it is added to the gradient of the first x.
std::vector<Tensor> gradients_of(const Tensor& y, const std::vector<Tensor>& xs, const Tensor& seed,
                                 const GradOptions& options, const Tensor& plus) {
  check_seed(y, seed);
  const Recording guard(options.create_graph);
  std::unordered_set<Node*> targets;
  for (const Tensor& x : xs) targets.insert(x.node().get());
  const std::vector<Node*> nodes = path(y.node().get(), targets);
  const std::unordered_set<Node*> wanted(nodes.begin(), nodes.end());
  Cotangents cotangents;
  if (plus.defined()) cotangents[xs.at(0).node().get()].plus = plus;
  cotangents[y.node().get()].sum = seed.defined() ? seed : Tensor::full(y.shape(), 1, y.options());

  // Holds the tensors of the path, so that propagate can hand each output to its vjp.
  std::unordered_map<Node*, Tensor> tensors{{y.node().get(), y}};
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node)
    for (const Tensor& input : (*node)->inputs) tensors.try_emplace(input.node().get(), input);
  Announcer announcer(xs, nodes, options);
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (!(*node)->vjp) continue;
    propagate(tensors.at(*node), wanted, cotangents);
    announcer.passed(**node, cotangents);
    if (!targets.contains(*node)) cotangents.erase(*node);
  }

  cotangents.waiting.finish();
  std::vector<Tensor> gradients;
  for (const Tensor& x : xs) {
    const auto found = cotangents.find(x.node().get());
    require(wanted.contains(x.node().get()) || options.allow_unused, "grad: given an x of shape ",
            to_text(x.shape()),
            " that y does not depend on, expected a recorded dependence, drop it or set allow_unused");
    gradients.push_back(found != cotangents.end() ? found->second.total()
                                                  : Tensor::zeros(x.shape(), x.options()));
  }
  announcer.finish(gradients);
  return gradients;
}

}  // namespace

std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs, const Tensor& seed,
                         GradOptions options) {
  return gradients_of(y, xs, seed, options, {});
}

Tensor grad_plus(const Tensor& y, const Tensor& x, const Tensor& seed, const Tensor& plus) {
  require(plus.shape() == x.shape(), "grad_plus: given an x of shape ", to_text(x.shape()), " and a term of ",
          to_text(plus.shape()), ", expected equal shapes, reshape the term");
  return gradients_of(y, {x}, seed, {.allow_unused = true}, plus)[0];
}

// What the caller adds to the gradient of a result must not go on to that result's inputs.
Tensor take_term(const VjpContext& context, std::size_t input) {
  if (Recording::on() || running.inputs != &context.inputs) return {};
  const Node& node = *context.inputs[input].node();
  const auto found = running.cotangents->find(context.inputs[input].node().get());
  if (found == running.cotangents->end()) return {};
  Cotangent& c = found->second;
  if (!c.sum.defined() && node.vjp) return {};
  running.cotangents->waiting.ready(c.sum);
  return std::exchange(c.sum.defined() ? c.sum : c.plus, Tensor());
}

std::vector<Tensor> grad_through(const VjpContext& context, const Tensor& reference) {
  std::vector<Tensor> wanted;
  for (std::size_t i = 0; i < context.inputs.size(); ++i)
    if (context.wants(i)) wanted.push_back(context.inputs[i]);
  const std::vector<Tensor> found =
      grad(reference, wanted, context.g, {.create_graph = true, .allow_unused = true});
  std::vector<Tensor> gradients(context.inputs.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (context.wants(i)) gradients[i] = found[next++];
  return gradients;
}

}  // namespace stillpoint
