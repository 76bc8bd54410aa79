// A folder that one process works in at a time.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "engine/io/descriptor.h"

namespace stillpoint {

inline constexpr const char* lock_name = ".lock";

// From construction to destruction, or to the end of the process however it ends; the lock is `.lock` in the
// folder. inherited: processes that this one starts hold it, too, so that it lasts until they are gone. Error
// where another holds it, which says `who` and what to do by `advice`. A file system without locks protects
// nothing.
class FolderLock {
 public:
  FolderLock(const std::filesystem::path& folder, const std::string& who, const std::string& advice,
             bool inherited = false);
  // Null where another holds it.
  static std::shared_ptr<FolderLock> if_free(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool protects() const { return protects_; }  // whether the file system has locks

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  bool lock();  // false where another holds it

  Descriptor file_;
  bool protects_ = false;
};

}  // namespace stillpoint
