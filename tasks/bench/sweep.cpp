// Expands a sweep, and refuses sizes that would change nothing.
#include "tasks/bench/sweep.h"

#include <fnmatch.h>

#include <algorithm>

#include "engine/words.h"

namespace stillpoint::bench {
namespace {

// Returns for each setting its copies with every value, if `follows` says so.
template <class T, class Follows, class Set>
void multiply(std::vector<Setting>& settings, const std::vector<T>& values, const char* flag, Follows follows,
              Set set) {
  if (values.empty()) return;
  std::vector<Setting> all;
  bool followed = false;
  for (const Setting& setting : settings) {
    if (!follows(*setting.workload)) {
      all.push_back(setting);
      continue;
    }
    followed = true;
    for (const T& value : values) {
      all.push_back(setting);
      set(all.back(), value);
    }
  }
  require(followed, flag, ": given for ", settings.size(), settings.size() == 1 ? " workload" : " workloads",
          " without such a size, expected one that follows it, see `bench --list`");
  settings = std::move(all);
}

bool offers(const Workload& w, const std::string& solver) {
  return std::find(w.axes.solvers.begin(), w.axes.solvers.end(), solver) != w.axes.solvers.end();
}

void multiply_solvers(std::vector<Setting>& settings, const std::vector<std::string>& solvers) {
  for (const std::string& solver : solvers) {
    std::vector<std::string> known;
    for (const Setting& s : settings)
      for (const std::string& other : s.workload->axes.solvers)
        if (std::find(known.begin(), known.end(), other) == known.end()) known.push_back(other);
    require(known.empty() || std::find(known.begin(), known.end(), solver) != known.end(),
            "--solver: given '", shown(solver), "', expected one of ", join(known),
            did_you_mean(solver, known), ", choose one");
  }
  multiply(
      settings, solvers, "--solver", [&](const Workload& w) { return !w.axes.solvers.empty(); },
      [](Setting& s, const std::string& value) { s.sizes.solver = value; });
  std::erase_if(settings, [&](const Setting& s) {
    return !solvers.empty() && !s.workload->axes.solvers.empty() && !offers(*s.workload, s.sizes.solver);
  });
}

}  // namespace

std::vector<const Workload*> chosen(const std::vector<std::string>& patterns) {
  std::vector<std::string> names;
  for (const Workload& w : workloads()) names.push_back(w.name);
  for (const std::string& pattern : patterns) {
    const bool found = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
    require(found, "bench: given '", shown(pattern),
            "', expected the name of a workload or a pattern such as 'step/*'", did_you_mean(pattern, names),
            ", see `bench --list`");
  }
  std::vector<const Workload*> found;
  for (const Workload& w : workloads())
    if (std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
          return ::fnmatch(pattern.c_str(), w.name.c_str(), 0) == 0;
        }))
      found.push_back(&w);
  return found;
}

std::vector<Setting> settings_of(const Sweep& sweep, Device device) {
  std::vector<Setting> settings;
  for (const Workload* w : chosen(sweep.patterns))
    settings.push_back({.workload = w,
                        .sizes = w->usual,
                        .device = device,
                        .threads = kernels::thread_count(),
                        .precision = kernels::precision()});
  multiply_solvers(settings, sweep.solvers);
  multiply(
      settings, sweep.evaluations, "--evaluations", [](const Workload& w) { return w.axes.evaluations; },
      [](Setting& s, Index value) { s.sizes.evaluations = value, s.sizes.tolerance = 0; });
  multiply(
      settings, sweep.tolerance, "--tolerance", [](const Workload& w) { return w.axes.evaluations; },
      [](Setting& s, double value) { s.sizes.tolerance = value; });
  multiply(
      settings, sweep.width, "--width", [](const Workload& w) { return w.axes.width; },
      [](Setting& s, Index value) { s.sizes.width = value; });
  multiply(
      settings, sweep.length, "--length", [](const Workload& w) { return w.axes.length; },
      [](Setting& s, Index value) { s.sizes.length = value; });
  multiply(
      settings, sweep.batch, "--batch", [](const Workload& w) { return w.axes.batch; },
      [](Setting& s, Index value) { s.sizes.batch = value; });
  for (const std::string& precision : sweep.precisions)
    require(device == Device::cuda || precision != "tf32",
            "--precision: given tf32 on the CPU, where it is "
            "float32, expected it only with --device cuda or emulated, leave it out");
  const auto always = [](const Workload&) { return true; };
  multiply(settings, sweep.precisions, "--precision", always,
           [](Setting& s, const std::string& value) { s.precision = kernels::precision_named(value); });
  multiply(settings, sweep.threads, "--threads", always, [](Setting& s, int value) { s.threads = value; });
  return settings;
}

std::string words_of(const Axes& axes, const Sizes& sizes) {
  std::vector<std::string> words;
  const auto add = [&](bool follows, const char* name, auto value) {
    if (follows) words.push_back(text(name, " ", value));
  };
  add(axes.batch, "batch", sizes.batch);
  add(axes.length, "length", sizes.length);
  add(axes.width, "width", sizes.width);
  if (!axes.solvers.empty()) words.push_back(sizes.solver);
  add(axes.evaluations && sizes.tolerance == 0, "evaluations", sizes.evaluations);
  add(axes.evaluations && sizes.tolerance > 0, "tolerance", sizes.tolerance);
  return join(words);
}

}  // namespace stillpoint::bench
