// What tests of files need: a folder that removes itself, a fast write, the message of an expected Error.
#pragma once
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "engine/io/files.h"
#include "kernels/device/error.h"

namespace stillpoint::test {

class TempDir : public TemporaryFolder {
 public:
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }
  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

// Writes without a sync to the disk, which would dominate a test that writes thousands of files. It makes a
// new file each time, because ext4 syncs a file that is truncated and written again.
inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  require(out.good(), "write_bytes: cannot write '", path.string(), "'; check the folder");
}

// Returns the message of the Error that f throws, or "" if f returns. Other exceptions pass through.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace stillpoint::test
