// Writes files so that a crash leaves either the old or the new one; also folders, and files that only grow.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/io/input_file.h"

namespace stillpoint {

// Writes the pieces one after the other to a temporary file beside `path`, syncs it to the disk, renames it
// over `path` and syncs the folder. A symbolic link is followed; the permissions of an old file are kept.
// With `keep`, a path in the same folder, the old file stays under that name, so that at every moment one of
// the two is whole. Throws Error, with the temporary removed and the old file untouched, if any of that
// fails.
void write_atomically(const std::filesystem::path& path, std::span<const Bytes> pieces,
                      const std::filesystem::path& keep = {});
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
// Removes the temporaries that dead processes have left in the folder.
void remove_leftovers(const std::filesystem::path& folder);

// Makes the folder and its parents, which are on the disk when it returns. Throws Error if that fails or if a
// file has the name.
void make_folder(const std::filesystem::path& folder);
// Writes the names in the folder to the disk. Throws Error if that fails.
void sync_folder(const std::filesystem::path& folder);
// Returns the folder that holds this path.
std::filesystem::path folder_of(const std::filesystem::path& path);

// Removes a folder that this program has made in `root`, with its contents, following no link; does nothing
// if it is missing. Throws Error if it is a link, lies elsewhere, or holds something but no file `marker`.
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

// A file that only grows, for logs. Move-only. Every member throws Error with the file's name if the system
// refuses.
class AppendFile {
 public:
  enum class Open { append, create_new };

  AppendFile(const std::filesystem::path& path, Open how);

  const std::filesystem::path& path() const { return path_; }
  // Hands the bytes to the system; after it returns they survive the end of this process.
  void append(std::string_view bytes);
  // After it returns the bytes survive a power cut, if the folder is synced, too.
  void sync();
  std::uint64_t size() const;
  void cut(std::uint64_t size);  // drops the bytes after it

 private:
  std::filesystem::path path_;
  Descriptor fd_;
};

}  // namespace stillpoint
