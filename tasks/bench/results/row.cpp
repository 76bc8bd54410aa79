// Derives numbers of a row, and writes and reads a run's JSON.
#include "tasks/bench/results/row.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace stillpoint::bench {
namespace {

constexpr int format_version = 1;

// Visits the members of a row as config visitors do; the readers and the writer below share the list.
template <class F, class Of>
void members(F&& f, Of& r) {
  f("workload", r.workload);
  f("program", r.program);
  f("device", r.device);
  f("precision", r.precision);
  f("threads", r.threads);
  f("batch", r.sizes.batch);
  f("length", r.sizes.length);
  f("width", r.sizes.width);
  f("evaluations", r.sizes.evaluations);
  f("tolerance", r.sizes.tolerance);
  f("solver", r.sizes.solver);
  f("examples", r.examples);
  f("parameters", r.parameters);
  f("ms", r.ms.median);
  f("ms_low", r.ms.low);
  f("ms_high", r.ms.high);
  f("ms_p10", r.ms.p10);
  f("ms_p90", r.ms.p90);
  f("ms_rounds", r.ms.rounds);
  f("calls", r.ms.calls);
  f("stable", r.ms.stable);
  f("replayed_ms", r.replayed_ms);
  f("cold_ms", r.cold_ms);
  f("flops", r.work.flops);
  f("nominal_flops", r.work.nominal_flops);
  f("bytes", r.work.bytes);
  f("roof_gflops", r.roof.gflops);
  f("roof_gbytes", r.roof.gbytes);
  f("memory_bytes", r.memory_bytes);
  f("allocations", r.allocations);
  f("evaluations_forward", r.solved.forward);
  f("evaluations_backward", r.solved.backward);
  f("times_sim", r.times_sim);
  f("times_ours", r.times_ours);
  f("times_ours_low", r.times_ours_low);
  f("times_ours_high", r.times_ours_high);
  f("loss", r.loss);
  f("others", r.others);
  f("note", r.note);
  f("counts", r.counts);
}

struct Writer {
  Json object = Json::object();
  void operator()(const char* name, double value) { object[name] = number_or_null(value); }
  template <class T>
  void operator()(const char* name, const T& value) {
    object[name] = value;
  }
};

struct Reader {
  const Json& object;
  const std::string& source;

  const Json& at(const char* name) const {
    require(object.contains(name), source, ": given a row without \"", name,
            "\", expected every member, write the file with `stillpoint bench --format json`");
    return object[name];
  }
  void operator()(const char* name, double& value) const {
    value = at(name).is_null() ? not_measured : convert<double>(name);
  }
  void operator()(const char* name, Json& value) const { value = at(name); }
  template <class T>
  void operator()(const char* name, T& value) const {
    value = convert<T>(name);
  }
  template <class T>
  T convert(const char* name) const {
    try {
      return at(name).get<T>();
    } catch (const Json::exception&) {
      fail(source, ": given ", at(name).dump().substr(0, 40), " as \"", name,
           "\" of a row, expected another type, write the file with `stillpoint bench --format json`");
    }
  }
};

bool comparable(const Row& a, const Row& b) {
  return a.sizes.batch == b.sizes.batch && a.threads == b.threads && a.precision == b.precision &&
         a.device == b.device && a.program == b.program;
}

}  // namespace

double Row::roof_gflops() const { return std::min(roof.gflops, roof.gbytes * intensity()); }

double Row::roof_share() const { return work.flops > 0 ? gflops() / roof_gflops() : gbytes() / roof.gbytes; }

void compare_with_sims(std::vector<Row>& rows) {
  std::map<std::string, std::string> sims;
  for (const Workload& w : workloads()) sims[w.name] = w.sim;
  for (Row& row : rows)
    for (const Row& sim : rows)
      if (sim.workload == sims[row.workload] && comparable(sim, row))
        row.times_sim = row.ms.median / sim.ms.median;
}

void set_times_ours(Row& peer, const Row& ours) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(peer.ms.rounds.size(), ours.ms.rounds.size()); ++i)
    ratios.push_back(peer.ms.rounds[i] / ours.ms.rounds[i]);
  if (ratios.empty()) return;
  std::sort(ratios.begin(), ratios.end());
  peer.times_ours = ratios[ratios.size() / 2];
  peer.times_ours_low = ratios.front();
  peer.times_ours_high = ratios.back();
}

Json to_json(const Document& document) {
  Json rows = Json::array();
  for (const Row& row : document.rows) {
    Writer writer;
    members(writer, row);
    writer("examples_per_second", row.examples_per_second());
    writer("gflops", row.gflops());
    writer("gbytes", row.gbytes());
    writer("intensity", row.intensity());
    writer("roof_share", row.roof_share());
    rows.push_back(std::move(writer.object));
  }
  return {{"format", "stillpoint bench"},
          {"format_version", format_version},
          {"machine", document.machine},
          {"rows", std::move(rows)}};
}

Document read_document(const Json& json, const std::string& source) {
  require(
      json.is_object() && json.value("format", Json()) == "stillpoint bench" && json.contains("rows") &&
          json["rows"].is_array() && json.contains("machine"),
      source,
      ": given a file that is not a result of the bench command, expected the JSON that `stillpoint bench "
      "--format json` prints, name another file");
  require(json.value("format_version", Json()) == format_version, source, ": given format version ",
          json.value("format_version", Json()).dump(), ", expected ", format_version,
          ", measure again with this program");
  Document document{json["machine"], {}};
  for (const Json& object : json["rows"]) {
    require(object.is_object(), source,
            ": given a row that is not an object, expected an object for each row, "
            "write the file with `stillpoint bench --format json`");
    Row row;
    members(Reader{object, source}, row);
    document.rows.push_back(std::move(row));
  }
  return document;
}

}  // namespace stillpoint::bench
