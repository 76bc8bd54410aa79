// A folder that one process works in at a time.
#pragma once
#include <filesystem>
#include <string>

namespace stillpoint {

// From construction to destruction, or to the end of the process however it ends; the lock is `.lock` in the
// folder. inherited: processes that this one starts hold it, too, so that it lasts until they are gone. Error
// where another holds it, which says `who` and what to do by `advice`. A file system without locks protects
// nothing.
class FolderLock {
 public:
  FolderLock(const std::filesystem::path& folder, const std::string& who, const std::string& advice,
             bool inherited = false);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

}  // namespace stillpoint
