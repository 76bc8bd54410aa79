// Reading whole files, and writing them so that a crash leaves either the old file or the new one.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stillpoint {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// Writes the pieces one after the other to a temporary file beside `path`, syncs it to the disk, renames it
// over `path` and syncs the folder. A symbolic link is followed; the permissions of an old file are kept.
// Throws Error, with the temporary removed and the old file untouched, if any of that fails.
void write_atomically(const std::filesystem::path& path, std::span<const Bytes> pieces);
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

// The whole file. Throws Error if it is missing, a folder, or cannot be read.
std::string read_file(const std::filesystem::path& path);

// Makes the folder and its parents. Throws Error if that fails or if a file has the name.
void make_folder(const std::filesystem::path& folder);

// Removes a folder that this program has made in `root`, with its contents, following no link; nothing where
// it is missing. Throws Error if it is a link, lies elsewhere, or holds something and no file `marker`.
void remove_own_folder(const std::filesystem::path& folder, const std::filesystem::path& root,
                       const std::string& marker);

// A new folder for temporary files, removed with its contents when this ends.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A file that only grows, for logs. Move-only. Every member throws Error naming the file if the system
// refuses.
class AppendFile {
 public:
  enum class Open { append, create_new };

  AppendFile(const std::filesystem::path& path, Open how);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  const std::filesystem::path& path() const { return path_; }
  // Hands the bytes to the system; after a return they survive the end of this process.
  void append(std::string_view bytes);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace stillpoint
