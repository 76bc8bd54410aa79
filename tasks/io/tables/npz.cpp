// Unpacks .npz files by libarchive.
#include "tasks/io/tables/npz.h"

#include <filesystem>
#include <memory>
#if STILLPOINT_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

#include "engine/words.h"
#include "kernels/device/error.h"
#include "kernels/host/host_memory.h"

namespace stillpoint {

bool is_npz(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06");
}

#if STILLPOINT_LIBARCHIVE

namespace {

constexpr std::size_t piece = 1 << 16, asked = std::size_t(64) << 20;  // bytes

std::string message_of(archive* handle) {
  const char* const said = archive_error_string(handle);
  return said == nullptr ? "no reason given" : said;
}

// Grows with what is read, not with what the archive claims.
std::string contents_of(const std::string& where, const std::string& name, archive* handle) {
  std::string bytes;
  for (std::size_t size = 0;; size = bytes.size()) {
    if (size % asked == 0)
      kernels::require_host_memory({std::int64_t(size + asked)},
                                   text("the array ", shown(name), " of ", where), "give fewer sequences");
    bytes.resize(size + piece);
    const la_ssize_t n = archive_read_data(handle, bytes.data() + size, piece);
    require(n >= 0, where, ": given a damaged array '", shown(name), "' (", shown(message_of(handle)),
            "), expected a whole .npz file, write it again with numpy.savez");
    bytes.resize(size + std::size_t(n));
    if (n == 0) return bytes;
  }
}

}  // namespace

std::map<std::string, std::string> unpack_npz(const std::string& where, std::string_view bytes) {
  const std::unique_ptr<archive, int (*)(archive*)> handle(archive_read_new(), archive_read_free);
  require(handle != nullptr, where, ": no memory for an archive reader, expected some, close other programs");
  archive_read_support_format_zip(handle.get());
  int code = archive_read_open_memory(handle.get(), bytes.data(), bytes.size());
  std::map<std::string, std::string> arrays;
  for (archive_entry* entry = nullptr; code >= ARCHIVE_WARN;) {
    code = archive_read_next_header(handle.get(), &entry);
    if (code == ARCHIVE_EOF || code < ARCHIVE_WARN) break;
    const char* const path = archive_entry_pathname(entry);
    const std::filesystem::path file = path == nullptr ? "" : path;
    if (file.extension() != ".npy") continue;
    const std::string name = file.stem().string();
    require(!arrays.contains(name), where, ": given two arrays '", shown(name), "', expected one, rename it");
    arrays[name] = contents_of(where, name, handle.get());
  }
  require(code == ARCHIVE_EOF, where, ": given a damaged archive (", shown(message_of(handle.get())),
          "), expected an .npz file, write it again with numpy.savez");
  require(!arrays.empty(), where,
          ": given an archive without arrays, expected an .npz file, write it with "
          "numpy.savez");
  return arrays;
}

#else

std::map<std::string, std::string> unpack_npz(const std::string& where, std::string_view) {
  fail(where,
       ": given an .npz file, expected .npy or CSV, because this program was built without libarchive; "
       "write the array with numpy.save, or install libarchive-dev and build again");
}

#endif

}  // namespace stillpoint
