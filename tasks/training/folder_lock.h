// Locks a folder, so that only one process at a time works in it.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "engine/io/descriptor.h"

namespace stillpoint {

inline constexpr const char* lock_name = ".lock";

// Holds `.lock` in the folder from construction to destruction, or to the end of the process however it ends.
// If `inherited`, processes that this one starts hold it too, so that it lasts until they are gone. Throws
// Error, which begins with `who` and ends with `advice`, if another process holds it. A file system without
// locks gives no protection.
class FolderLock {
 public:
  FolderLock(const std::filesystem::path& folder, const std::string& who, const std::string& advice,
             bool inherited = false);
  // Returns null if another process holds it.
  static std::shared_ptr<FolderLock> if_free(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool protects() const { return protects_; }  // whether the file system has locks

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  bool lock();  // returns false if another process holds it

  Descriptor file_;
  bool protects_ = false;
};

}  // namespace stillpoint
