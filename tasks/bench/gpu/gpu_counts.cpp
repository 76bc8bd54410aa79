// Sums up what a call asks of a GPU, by kernel and library call, and adds the modelled times.
#include "tasks/bench/gpu/gpu_counts.h"

#include <algorithm>
#include <cmath>

namespace stillpoint::bench {
namespace {

std::int64_t whole(double x) { return std::llround(x); }

// Numbers of a kernel, or of all.
struct Sums {
  double launches = 0, blocks = 0, flops = 0, bytes = 0, asked = 0, moved = 0, requests = 0, sectors = 0;
  double shared_requests = 0, wavefronts = 0, conflicts = 0, barriers = 0, load_waits = 0;

  void add(const Launch& l) {
    launches += 1;
    blocks += l.blocks;
    flops += l.flops;
    bytes += l.bytes;
    asked += l.bytes_asked;
    moved += l.bytes_moved;
    requests += l.requests;
    sectors += l.sectors;
    shared_requests += l.shared_requests;
    wavefronts += l.shared_wavefronts;
    conflicts += l.bank_conflicts;
    barriers += l.barriers;
    load_waits += l.load_waits;
  }
  Json json() const {
    return {{"launches", whole(launches)},
            {"blocks", whole(blocks)},
            {"flops", whole(flops)},
            {"bytes_touched", whole(bytes)},
            {"bytes_asked", whole(asked)},
            {"bytes_moved", whole(moved)},
            {"sectors_a_request", requests == 0 ? 0 : sectors / requests},
            {"shared_requests", whole(shared_requests)},
            {"shared_wavefronts", whole(wavefronts)},
            {"bank_conflicts", whole(conflicts)},
            {"barriers", whole(barriers)},
            {"load_waits", whole(load_waits)}};
  }
};

// The entries of an object, those with the most launches first.
Json by_launches(const std::map<std::string, Json>& entries) {
  std::vector<std::pair<std::string, Json>> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.at("launches").template get<double>() > b.second.at("launches").template get<double>();
  });
  Json json = Json::object();
  for (auto& [name, entry] : sorted) json[name] = std::move(entry);
  return json;
}

Json kernels_of(const std::vector<Launch>& launches) {
  std::map<std::string, Sums> sums;
  for (const Launch& l : launches)
    if (l.kind == Launch::Kind::kernel) sums[l.name].add(l);
  std::map<std::string, Json> entries;
  for (const auto& [name, sum] : sums) entries[name] = sum.json();
  return by_launches(entries);
}

std::string sizes_of(const Launch& l) {
  if (l.count == 0) return l.name;
  std::string words = text(l.name, " ", l.rows, " x ", l.depth, " x ", l.columns);
  if (l.count > 1) words += text(", ", l.count, " of them");
  return words + ", " + l.precision;
}

Json libraries_of(const std::vector<Launch>& launches) {
  std::map<std::string, Sums> sums;
  for (const Launch& l : launches)
    if (l.kind == Launch::Kind::library) sums[sizes_of(l)].add(l);
  std::map<std::string, Json> entries;
  for (const auto& [name, sum] : sums)
    entries[name] = {
        {"launches", whole(sum.launches)}, {"flops", whole(sum.flops)}, {"bytes", whole(sum.bytes)}};
  return by_launches(entries);
}

// The operations of a call that no library does, to each kernel in proportion to its requests of memory.
void share_out_flops(std::vector<Launch>& launches, double flops) {
  double requests = 0;
  for (const Launch& l : launches) {
    if (l.kind == Launch::Kind::library) flops -= l.flops;
    if (l.kind == Launch::Kind::kernel) requests += l.requests + l.shared_requests;
  }
  if (flops <= 0 || requests == 0) return;
  for (Launch& l : launches)
    if (l.kind == Launch::Kind::kernel) l.flops = flops * (l.requests + l.shared_requests) / requests;
}

Json modelled_time(const Traced& work, const Gpu& gpu) {
  const Modelled m = model(work, gpu);
  Json by_name = Json::object();
  std::vector<std::pair<double, std::string>> longest;
  for (const auto& [name, us] : m.by_name) longest.push_back({us, name});
  std::sort(longest.rbegin(), longest.rend());
  for (const auto& [us, name] : longest) by_name[name] = us / 1e3;
  return {{"ms", m.ms},
          {"launching_ms", m.chain.launching / 1e3},
          {"working_ms", m.chain.working / 1e3},
          {"waiting_ms", m.chain.waiting / 1e3},
          {"by_name_ms", by_name}};
}

struct Kinds {
  Sums kernels, libraries, copies, graphs;
};
Kinds by_kind(const std::vector<Launch>& launches) {
  Kinds kinds;
  for (const Launch& l : launches) {
    if (l.kind == Launch::Kind::kernel) kinds.kernels.add(l);
    if (l.kind == Launch::Kind::library) kinds.libraries.add(l);
    if (l.kind == Launch::Kind::copy || l.kind == Launch::Kind::fill) kinds.copies.add(l);
    if (l.kind == Launch::Kind::graph) kinds.graphs.add(l);
  }
  return kinds;
}

// The numbers of launches, at the top for a call as it is, and again for its replay.
Json launches_of(const Traced& work, const Kinds& kinds) {
  return {
      {"launches", whole(kinds.kernels.launches)},      {"library_calls", whole(kinds.libraries.launches)},
      {"copies", whole(kinds.copies.launches)},         {"copied_bytes", whole(kinds.copies.bytes)},
      {"graph_launches", whole(kinds.graphs.launches)}, {"waits", whole(work.host_waits)},
      {"chain", longest_chain(work.launches)}};
}

}  // namespace

Json counts_of(const Counted& counted, const Work& work) {
  const bool replayed = !counted.replayed.launches.empty();
  Traced plain = counted.plain, graph = counted.replayed;
  share_out_flops(plain.launches, work.flops);
  share_out_flops(graph.launches, work.flops);
  const Kinds kinds = by_kind(plain.launches);
  Json json = launches_of(plain, kinds);
  json["replayed"] = replayed ? launches_of(graph, by_kind(graph.launches)) : Json();
  if (!replayed) json["not_replayed"] = counted.not_recorded;
  json["library_flops"] = whole(kinds.libraries.flops);
  json["library_bytes"] = whole(kinds.libraries.bytes);
  const double moved = kinds.kernels.moved + kinds.libraries.bytes;
  json["working_set"] = whole(plain.working_set);
  json["moved_mb"] = moved / 1e6;
  if (work.bytes > 0) json["moved_per_least"] = moved / work.bytes;
  const Json of_kernels = kinds.kernels.json();
  for (const auto& [name, value] : of_kernels.items())
    if (!json.contains(name)) json[name] = value;
  json["kernels"] = kernels_of(plain.launches);
  json["libraries"] = libraries_of(plain.launches);
  json["modelled"] = json["model"] = Json::object();
  for (const Gpu& gpu : gpus()) {
    Json& parts = json["model"][gpu.name];
    parts = {{"plain", modelled_time(plain, gpu)},
             {"replayed", replayed ? modelled_time(graph, gpu) : Json()}};
    json["modelled"][gpu.name] = parts[replayed ? "replayed" : "plain"]["ms"];
  }
  return json;
}

}  // namespace stillpoint::bench
