// Computes the model of docs/gpu_model.md.
#include "tasks/bench/gpu/gpu_model.h"

#include <algorithm>
#include <cmath>

#include "engine/io/files.h"
#include "tasks/settings/shipped.h"

namespace stillpoint::bench {
namespace {

// What the model assumes of every GPU.
constexpr double sm_bytes_a_cycle = 64;   // between a multiprocessor and L2
constexpr double blocks_an_sm = 32;       // held at the same time, at most
constexpr double reserved_shared = 1024;  // bytes of a block
constexpr double tile = 64;               // rows and columns of a library's block
constexpr double least_depth = 128;       // of a part, if a library cuts the depth
constexpr double product_load_waits = 3;  // two panels ahead, and the result

double up(double x) { return std::ceil(x); }

double flops_a_us(const std::string& precision, const Gpu& gpu) {
  const double tera = precision == "float64" ? gpu.float64_tflops
                      : precision == "bf16"  ? gpu.bf16_tflops
                      : precision == "tf32"  ? gpu.tf32_tflops
                                             : gpu.float32_tflops;
  return tera * 1e6;
}

// The multiprocessors that the blocks keep busy on average: the fullest one takes longest.
double busy_sms(double blocks, const Gpu& gpu) { return blocks / up(blocks / gpu.sms); }

double bytes_a_us(double sms, const Gpu& gpu, bool in_l2) {
  return std::min((in_l2 ? gpu.l2_gbytes : gpu.dram_gbytes) * 1e3,
                  sms * sm_bytes_a_cycle * gpu.clock_ghz * 1e3);
}

double load_us(const Gpu& gpu, bool in_l2) {
  return (in_l2 ? gpu.l2_cycles : gpu.dram_cycles) / gpu.clock_ghz / 1e3;
}

LaunchCost kernel_cost(const Launch& k, const Gpu& gpu, bool in_l2) {
  const double sms = busy_sms(k.blocks, gpu), cycles_a_us = gpu.clock_ghz * 1e3;
  const double waiting =
      k.load_waits * load_us(gpu, in_l2) + k.barriers / k.blocks * gpu.barrier_cycles / cycles_a_us;
  const double held = std::max(
      1.0, std::floor(std::min({gpu.threads_an_sm / k.threads, blocks_an_sm,
                                gpu.shared_kbytes_an_sm * 1024 / (k.shared_bytes + reserved_shared)})));
  const double waves = up(k.blocks / (gpu.sms * held));
  const double working =
      std::max({k.bytes / bytes_a_us(sms, gpu, in_l2), k.bytes_moved / (sms * sm_bytes_a_cycle * cycles_a_us),
                k.flops / (flops_a_us("float32", gpu) * sms / gpu.sms),
                k.shared_wavefronts / (sms * cycles_a_us), (waves - 1) * waiting});
  return {gpu.node_us, working, waiting};
}

LaunchCost product_cost(const Launch& p, const Gpu& gpu, bool in_l2) {
  const double tiles = up(double(p.rows) / tile) * up(double(p.columns) / tile) * double(p.count);
  const double parts =
      std::clamp(std::floor(gpu.sms / tiles), 1.0, std::max(1.0, std::floor(double(p.depth) / least_depth)));
  const double sms = busy_sms(tiles * parts, gpu);
  const double flops = 2 * tiles * tile * tile * double(p.depth);  // also those beyond the matrix's edge
  const double rate = flops_a_us(p.precision, gpu) * gpu.product_share;
  return {gpu.node_us, std::max(p.bytes / bytes_a_us(sms, gpu, in_l2), flops / (rate * sms / gpu.sms)),
          (product_load_waits + (parts > 1 ? 1 : 0)) * load_us(gpu, in_l2)};
}

}  // namespace

LaunchCost& LaunchCost::operator+=(const LaunchCost& other) {
  launching += other.launching;
  working += other.working;
  waiting += other.waiting;
  return *this;
}

LaunchCost cost_of(const Launch& launch, const Gpu& gpu, bool in_l2) {
  switch (launch.kind) {
    case Launch::Kind::order:
      return {};
    case Launch::Kind::graph:
      return {gpu.graph_us, 0, 0};
    case Launch::Kind::condition:
      return {gpu.node_us, 0, 0};
    case Launch::Kind::kernel:
      return kernel_cost(launch, gpu, in_l2);
    case Launch::Kind::library:
      if (launch.count > 0) return product_cost(launch, gpu, in_l2);
      break;
    case Launch::Kind::copy:
    case Launch::Kind::fill:
      break;
  }
  const bool by_host = launch.name == "HostToDevice" || launch.name == "DeviceToHost";
  const double rate = by_host ? gpu.pcie_gbytes * 1e3 : bytes_a_us(gpu.sms, gpu, in_l2);
  const double passes = launch.name == "DeviceToDevice" ? 2 : 1;
  return {gpu.node_us, passes * launch.bytes / rate, 0};
}

Modelled model(const Traced& work, const Gpu& gpu) {
  const bool in_l2 = work.working_set <= gpu.l2_mbytes * 1024 * 1024;
  Modelled result;
  double issued = 0;  // by the host
  struct End {
    double us = 0;
    LaunchCost chain;
  };
  std::vector<End> ends;
  End last;
  for (const Launch& launch : work.launches) {
    const LaunchCost cost = cost_of(launch, gpu, in_l2);
    End end;
    for (const std::size_t before : launch.after)
      if (ends.at(before).us >= end.us) end = ends[before];
    if (launch.works() && !launch.in_graph) issued += gpu.launch_us;
    if (issued > end.us) {  // the device waits for the host
      end.chain.launching += issued - end.us;
      end.us = issued;
    }
    end.us += cost.sum();
    end.chain += cost;
    if (launch.kind != Launch::Kind::order) result.by_name[launch.name] += cost.sum();
    if (end.us >= last.us) last = end;
    ends.push_back(end);
  }
  last.chain.launching += work.host_waits * gpu.host_wait_us;
  result.chain = last.chain;
  result.ms = last.chain.sum() / 1e3;
  return result;
}

std::int64_t longest_chain(const std::vector<Launch>& launches) {
  std::vector<std::int64_t> lengths;
  for (const Launch& launch : launches) {
    std::int64_t before = 0;
    for (const std::size_t a : launch.after) before = std::max(before, lengths.at(a));
    lengths.push_back(before + (launch.works() ? 1 : 0));
  }
  return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
}

std::vector<Gpu> read_gpus(const Json& json, const std::string& source) {
  require(json.is_object(), source, ": given no JSON object, expected GPUs by name, correct the file");
  std::vector<Gpu> all;
  for (const auto& [name, rates] : json.items()) {
    Json values = Json::object();
    for (const auto& [key, rate] : rates.items()) {
      const bool whole = rate.is_object() && rate.contains("value") && rate.contains("source") &&
                         rate["source"].is_string() && !rate["source"].get<std::string>().empty();
      require(whole, source, ": given ", name, "'s ", key,
              " without a value or a source, expected both, add what is missing");
      values[key] = rate["value"];
    }
    Gpu gpu{.name = name};
    ConfigReader reader(values, source + ", " + name);
    gpu.fields(reader);
    reader.finish();
    ConfigWriter expected;
    gpu.fields(expected);
    for (const auto& [key, value] : expected.object.items())
      require(values.contains(key), source, ": given no ", key, " of ", name, ", expected each rate, add it");
    all.push_back(std::move(gpu));
  }
  return all;
}

const std::vector<Gpu>& gpus() {
  static const std::string file = "bench/gpu/gpus.json";
  static const std::vector<Gpu> all = read_gpus(parse_json(std::string(shipped_file(file)), file), file);
  return all;
}

}  // namespace stillpoint::bench
