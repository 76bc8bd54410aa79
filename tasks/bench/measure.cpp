// Times calls of a workload: warm-up until stable, rounds, order statistics, memory.
#include "tasks/bench/measure.h"

#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"

namespace stillpoint::bench {
namespace {

double middle(std::vector<double> values) {
  if (values.empty()) return not_measured;
  const auto half = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return *half;
}

}  // namespace

Timing timing_of(const std::vector<std::vector<double>>& rounds, int calls_a_sample) {
  Timing timing;
  std::vector<double> all;
  for (const std::vector<double>& samples : rounds) {
    all.insert(all.end(), samples.begin(), samples.end());
    timing.rounds.push_back(middle(samples));
  }
  if (all.empty()) return timing;
  std::sort(all.begin(), all.end());
  const double n = double(all.size());
  const auto at = [&](double rank) { return all[std::size_t(std::clamp(rank, 0.0, n - 1))]; };
  timing.median = at(n / 2);
  timing.low = at(std::floor((n - 1.96 * std::sqrt(n)) / 2));  // normal approximation of the binomial ranks
  timing.high = at(std::ceil((n + 1.96 * std::sqrt(n)) / 2));
  timing.p10 = at(n * 0.1);
  timing.p90 = at(n * 0.9);
  timing.calls = std::int64_t(all.size()) * calls_a_sample;
  return timing;
}

Measurement::Measurement(const Setting& setting)
    : setting_(setting),
      threads_before_(kernels::thread_count()),
      precision_(setting.precision),
      held_before_(memory_stats(setting.device).in_use),
      watch_(setting.device) {
  kernels::set_thread_count(setting.threads);
  call_ = setting.workload->make(setting.sizes, setting.device);
  if (setting.device == Device::cpu) steps_.emplace();
}

Measurement::~Measurement() {
  steps_.reset();
  kernels::set_thread_count(threads_before_);
}

// Returns the milliseconds of one call, as the mean of `repeats`.
double Measurement::time_calls(int repeats) {
  const auto run = [&] {
    watch_.start();
    for (int i = 0; i < repeats; ++i) {
      if (call_.before) call_.before();
      call_.run();
    }
    return watch_.stop();
  };
  return (steps_ ? steps_->run(run) : run()) / repeats;
}

void Measurement::choose_repeats(double ms) {
  constexpr double shortest_sample = 0.05;  // milliseconds
  repeats_ = int(std::clamp(std::ceil(shortest_sample / ms), 1.0, 1e5));
}

void Measurement::warm_up(double seconds) {
  const Clock::time_point start = Clock::now();
  reset_peak_memory(setting_.device);
  choose_repeats(time_calls(1));
  double best = HUGE_VAL;
  while (!InterruptGuard::interrupted() && seconds_since(start) < 4 * seconds) {
    std::vector<double> window;
    const Clock::time_point begin = Clock::now();
    while (window.size() < 3 || (seconds_since(begin) < 0.05 && window.size() < 1000))
      window.push_back(time_calls(repeats_));
    const double now = middle(window);
    choose_repeats(now);
    stable_ = now > 0.98 * best;
    if (stable_) break;
    best = std::min(best, now);
  }
  memory_ = double(memory_stats(setting_.device).peak - held_before_);
  if (kernels::WorkGraph::available(setting_.device)) record_graph();
}

void Measurement::round(double seconds) {
  if (rounds_.empty()) roof_ = measure_roof(setting_.device, call_.work.bytes);
  const std::uint64_t before = memory_stats(setting_.device).system_allocations;
  const Others others;
  std::vector<double>& samples = rounds_.emplace_back();
  const Clock::time_point start = Clock::now();
  while (samples.size() < 3 || (seconds_since(start) < seconds && !InterruptGuard::interrupted()))
    samples.push_back(time_calls(repeats_));
  others_ = std::max(others_, others.cores());
  allocations_ += memory_stats(setting_.device).system_allocations - before;
  calls_ += std::int64_t(samples.size()) * repeats_;
  if (setting_.device == Device::cuda) time_on_cuda(seconds / 4);
  roof_ = higher(roof_, measure_roof(setting_.device, call_.work.bytes));
}

// Work that a graph cannot hold is only timed as it is.
void Measurement::record_graph() {
  try {
    if (call_.before) call_.before();
    graph_.warm_up(call_.run);
    graph_.record(call_.run);
  } catch (const Error&) {
    graph_ = {};
  }
}

// Times replays of the graph, and single calls after the L2 cache was overwritten.
void Measurement::time_on_cuda(double seconds) {
  const auto gather = [&](std::vector<double>& samples, const auto& sample) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 3 || (seconds_since(start) < seconds && !InterruptGuard::interrupted()); ++i)
      samples.push_back(sample());
  };
  if (graph_.recorded())
    gather(replayed_, [&] {
      watch_.start();
      for (int i = 0; i < repeats_; ++i) {
        if (call_.before) call_.before();
        graph_.replay();
      }
      return watch_.stop() / repeats_;
    });
  constexpr Index beyond_l2 = 256 << 20;  // bytes
  const Tensor other = Tensor::empty({beyond_l2 / 4}, {DType::float32, Device::cuda});
  gather(cold_, [&] {
    zero_bytes(other.array().data, Device::cuda, std::size_t(beyond_l2));
    return time_calls(1);
  });
}

Row Measurement::row() const {
  Row row{.workload = setting_.workload->name,
          .sizes = setting_.sizes,
          .device = name_of(setting_.device),
          .precision = name_of(setting_.precision),
          .threads = setting_.threads,
          .ms = timing_of(rounds_, repeats_),
          .work = call_.work,
          .roof = roof_,
          .examples = call_.examples,
          .parameters = call_.parameters,
          .memory_bytes = memory_,
          .allocations = calls_ > 0 ? double(allocations_) / double(calls_) : not_measured,
          .others = others_,
          .replayed_ms = middle(replayed_),
          .cold_ms = middle(cold_)};
  row.ms.stable = stable_;
  if (call_.solved) row.solved = call_.solved();
  if (call_.loss) {
    row.loss = call_.loss();
    require(std::isfinite(row.loss), "bench: ", row.workload, " ended with loss ", row.loss,
            ", expected a finite one, use fewer seconds or other sizes");
  }
  if (row.roof_share() > 1)
    row.note = "faster than the largest product or copy measured beside it: its data stay in a nearer cache";
  return row;
}

}  // namespace stillpoint::bench
