// flock on a file of the folder.
#include "tasks/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/error.h"

namespace stillpoint {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& who, const std::string& advice,
                       bool inherited)
    : file_(::open((folder / ".lock").c_str(), O_CREAT | O_RDWR | (inherited ? 0 : O_CLOEXEC), 0644)) {
  require(file_ >= 0, who, ": given folder ", folder.string(),
          ", cannot write there: ", std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(file_);
  fail(who, ": given folder ", folder.string(), ", in which another ", who,
       " is at work, expected one at a time, ", advice);
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace stillpoint
