// Collects facts about the machine and the build.
#include "tasks/selftest/info.h"

#include <unistd.h>

#include <CLI/Version.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/group/communicator.h"
#include "kernels/host/instructions.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "kernels/launch/subnormals.h"
#include "tasks/process/processes.h"
#include "tasks/process/version.h"
#include "tasks/settings/presets.h"
#if STILLPOINT_ONEDNN
#include <dnnl.hpp>
#endif
#if STILLPOINT_LIBARCHIVE
#include <archive.h>
#endif
#if STILLPOINT_MATIO
#include <matio.h>
#endif
#if STILLPOINT_CUDA
#include "kernels/device/cuda_memory.h"
#endif
#if STILLPOINT_CUDNN
#include <cudnn.h>
#endif

namespace stillpoint {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line))
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string onednn() {
#if STILLPOINT_ONEDNN
  const dnnl_version_t* const v = dnnl_version();
  return text(v->major, ".", v->minor, ".", v->patch);
#else
  return "not built in; the project's own matrix product is used";
#endif
}

std::string cudnn() {
#if STILLPOINT_CUDNN
  const std::size_t v = cudnnGetVersion();
  return text(v / 10000, ".", v / 100 % 100, ".", v % 100);
#else
  return "not built in; on CUDA the project's own kernels convolve images";
#endif
}

std::string libarchive() {
#if STILLPOINT_LIBARCHIVE
  return ARCHIVE_VERSION_ONLY_STRING;
#else
  return "not built in; CIFAR-10 is read only from unpacked files";
#endif
}

std::string matio() {
#if STILLPOINT_MATIO
  return text(MATIO_MAJOR_VERSION, ".", MATIO_MINOR_VERSION, ".", MATIO_RELEASE_LEVEL);
#else
  return "not built in; SVHN cannot be read";
#endif
}

bool cuda_works(std::string* why_not) {
#if STILLPOINT_CUDA
  return kernels::cuda_available(why_not);
#else
  *why_not =
      "this program was built without CUDA; build it where nvcc 12.4 or newer is on PATH, or use --device "
      "cpu";
  return false;
#endif
}

std::string cuda() {
  std::string why_not;
  if (!cuda_works(&why_not)) return "no: " + why_not;
#if STILLPOINT_CUDA
  return kernels::cuda_summary();
#else
  return "";
#endif
}

std::string now_in_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts = {};
  ::gmtime_r(&now, &parts);
  std::ostringstream words;
  words << std::put_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
  return words.str();
}

}  // namespace

std::string describe_system() {
  std::ostringstream out;
  out << "stillpoint:    " << program_version << "\n"
      << "compiler:      " << __VERSION__ << "\n"
      << "processor:     " << processor() << "\n"
      << "instructions:  " << kernels::describe_instructions() << "\n"
      << "bf16 products: "
      << (kernels::cpu_has_bf16() ? "native" : "emulated (rounded operands, float32 arithmetic)") << "\n"
      << "threads:       " << kernels::thread_count() << " (" << kernels::describe_cores() << ")\n"
      << "subnormals:    " << (kernels::flushes_subnormals() ? "flushed to zero" : "computed with") << "\n"
      << "oneDNN:        " << onednn() << "\n"
      << "CUDA:          " << cuda() << "\n"
      << "cuDNN:         " << cudnn() << "\n"
      << "MPI:           " << kernels::describe_mpi() << "\n"
      << "NCCL:          " << kernels::describe_nccl() << "\n"
      << "JSON:          nlohmann_json " << NLOHMANN_JSON_VERSION_MAJOR << "." << NLOHMANN_JSON_VERSION_MINOR
      << "." << NLOHMANN_JSON_VERSION_PATCH << "\n"
      << "CLI11:         " << CLI11_VERSION << "\n"
      << "libarchive:    " << libarchive() << "\n"
      << "matio:         " << matio() << "\n"
      << "presets:       " << describe_presets() << "\n";
  return out.str();
}

Json made_by(const std::vector<std::string>& command) {
  Json facts = Json::object();
  std::istringstream lines(describe_system());
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':'), value = line.find_first_not_of(' ', colon + 1);
    if (colon != std::string::npos && value != std::string::npos)
      facts[line.substr(0, colon)] = line.substr(value);
  }
  facts["date"] = now_in_utc();
  facts["command"] = program_name() + " " + shell_command(command);
  return facts;
}

std::string why_not_cuda() {
  std::string why_not;
  if (cuda_works(&why_not)) return {};
#if !STILLPOINT_CUDA
  // Without an NVIDIA driver nobody expects a GPU.
  if (::access("/proc/driver/nvidia/version", F_OK) != 0 && ::access("/dev/dxg", F_OK) != 0) return {};
#endif
  return why_not;
}

Device device_named(const std::string& name) {
  if (name == "cpu") return Device::cpu;
  std::string why_not;
  const bool works = cuda_works(&why_not);
  if (name == "auto") return works ? Device::cuda : Device::cpu;
  require(works, "--device cuda: no usable GPU: ", why_not);
  return Device::cuda;
}

}  // namespace stillpoint
