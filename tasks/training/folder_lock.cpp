// Locks a folder by flock on a file in it.
#include "tasks/training/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/device/error.h"

namespace stillpoint {

namespace {

Descriptor open_lock(const std::filesystem::path& folder, bool inherited) {
  return Descriptor(::open((folder / lock_name).c_str(),
                           O_CREAT | O_RDWR | O_NOCTTY | O_NONBLOCK | (inherited ? 0 : O_CLOEXEC), 0644));
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& who, const std::string& advice,
                       bool inherited)
    : file_(open_lock(folder, inherited)) {
  require(file_ >= 0, who, ": given folder ", folder.string(),
          ", cannot write there: ", std::strerror(errno));
  if (lock()) return;
  fail(who, ": given folder ", folder.string(), ", in which another ", who,
       " is at work, expected one at a time, ", advice);
}

std::shared_ptr<FolderLock> FolderLock::if_free(const std::filesystem::path& folder) {
  Descriptor file = open_lock(folder, false);
  if (file < 0) return nullptr;
  std::shared_ptr<FolderLock> taken(new FolderLock(std::move(file)));
  return taken->lock() ? taken : nullptr;
}

bool FolderLock::lock() {
  protects_ = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
  return protects_ || errno != EWOULDBLOCK;
}

}  // namespace stillpoint
