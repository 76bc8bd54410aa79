// Writes files crash-safely with POSIX calls: temporary, fsync, rename, fsync of the folder.
#include "engine/io/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

// Returns 0 or the errno of the failure.
int write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

// Returns a name in `folder` that no other process uses, and that remove_leftovers() recognises.
fs::path temporary_name(const fs::path& folder) {
  static std::atomic<unsigned> count{0};
  return folder / text(".stillpoint-", ::getpid(), "-", count++, ".tmp");
}

// A new file in `folder` that is removed again unless it is renamed to its final name.
class Temporary {
 public:
  Temporary(const fs::path& folder, const fs::path& target) {
    do {
      path_ = temporary_name(folder);
      fd_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (fd_ < 0 && (errno == EEXIST || errno == EINTR));
    if (fd_ < 0) fail_on_file("write_atomically", "create a temporary file beside", target, errno);
    ::flock(fd_, LOCK_EX | LOCK_NB);  // shows other machines that this process lives
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  int fd() const { return fd_; }
  int close() { return fd_.close(); }
  int rename_to(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return errno;
    path_.clear();
    return 0;
  }

 private:
  fs::path path_;
  Descriptor fd_;
};

// A rename is durable only once the folder is on the disk. File systems without folder sync answer EINVAL.
int sync_names(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return errno == EACCES ? 0 : errno;
  return ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

fs::path follow_link(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_symlink(path, ignored)) return path;
  const fs::path target = fs::weakly_canonical(path, ignored);
  return ignored ? path : target;
}

// Renaming one name of a file to another of the same file does nothing, so the first is unlinked in any case.
// On file systems without hard links there is a moment in which only `keep` exists.
int keep_old(const fs::path& target, const fs::path& keep) {
  const fs::path second = temporary_name(folder_of(target));
  if (::link(target.c_str(), second.c_str()) != 0)
    return errno == ENOENT || ::rename(target.c_str(), keep.c_str()) == 0 ? 0 : errno;
  const int code = ::rename(second.c_str(), keep.c_str()) == 0 ? 0 : errno;
  ::unlink(second.c_str());
  return code;
}

bool belongs_to_the_dead(int folder, const char* name) {
  int process = 0, end = 0;
  unsigned count = 0;
  if (std::sscanf(name, ".stillpoint-%d-%u.tmp%n", &process, &count, &end) != 2 || end == 0 ||
      name[end] != '\0' || process <= 0)
    return false;
  struct stat info {};
  if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) return false;
  if (::kill(process, 0) == 0 || errno != ESRCH) return false;
  const Descriptor fd(::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd >= 0 && (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

}  // namespace

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void write_atomically(const fs::path& path, std::span<const Bytes> pieces, const fs::path& keep) {
  const char* where = "write_atomically";
  const fs::path target = follow_link(path);
  const fs::path folder = folder_of(target);
  struct stat old {};
  const bool replaces = ::stat(target.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode)) fail_on_file(where, "write", path, EISDIR);
  require(!replaces || S_ISREG(old.st_mode), where, ": '", path.string(),
          "' is a device or a pipe, expected a regular file; give another name");

  Temporary temporary(folder, path);
  if (replaces && ::fchmod(temporary.fd(), old.st_mode & 07777) != 0) {
    fail_on_file(where, "keep the permissions of", path, errno);
  }
  for (const Bytes piece : pieces) {
    if (const int code = write_all(temporary.fd(), piece)) fail_on_file(where, "write", path, code);
  }
  if (::fsync(temporary.fd()) != 0) fail_on_file(where, "sync to the disk", path, errno);
  if (const int code = temporary.close()) fail_on_file(where, "close", path, code);
  if (replaces && !keep.empty())
    if (const int code = keep_old(target, keep)) fail_on_file(where, "keep the old file as", keep, code);
  if (const int code = temporary.rename_to(target)) fail_on_file(where, "replace", path, code);
  sync_folder(folder);
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  const Bytes piece = bytes_of(bytes);
  write_atomically(path, std::span(&piece, 1));
}

void remove_leftovers(const fs::path& folder) {
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return;
  while (const dirent* const entry = ::readdir(entries))
    if (belongs_to_the_dead(::dirfd(entries), entry->d_name)) ::unlinkat(::dirfd(entries), entry->d_name, 0);
  ::closedir(entries);
}

void make_folder(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> made_in;
  for (fs::path made = folder; !fs::exists(made, code) && !code; made = folder_of(made))
    made_in.push_back(folder_of(made));
  fs::create_directories(folder, code);
  if (!code && !fs::is_directory(folder)) code = std::make_error_code(std::errc::not_a_directory);
  if (code) fail_on_file("make_folder", "make the folder", folder, code.value());
  for (const fs::path& parent : made_in) sync_folder(parent);
}

void sync_folder(const fs::path& folder) {
  if (const int code = sync_names(folder))
    fail_on_file("sync_folder", "sync to the disk the folder", folder, code);
}

void remove_own_folder(const fs::path& folder, const fs::path& root, const std::string& marker) {
  const fs::file_status status = fs::symlink_status(folder);
  if (status.type() == fs::file_type::not_found) return;
  const bool own = status.type() == fs::file_type::directory &&
                   fs::canonical(folder).parent_path() == fs::canonical(root) &&
                   (fs::is_empty(folder) || fs::is_regular_file(fs::symlink_status(folder / marker)));
  require(own, "remove: given '", folder.string(), "', expected a folder in '", root.string(),
          "' with a file ", marker, " of this program; it stays, move it away or choose another folder");
  std::error_code code;
  fs::remove_all(folder, code);
  if (code) fail_on_file("remove", "remove", folder, code.value());
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "stillpoint-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, name, ": cannot make a temporary folder: ", std::strerror(errno),
          ", expected one that can be written, set TMPDIR");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

AppendFile::AppendFile(const fs::path& path, Open how) : path_(path) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (how == Open::create_new ? O_EXCL : 0);
  // Opens without waiting for the reader of a pipe.
  fd_ = Descriptor(::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY, 0666));
  if (fd_ < 0) fail_on_file("AppendFile", "open for appending", path, errno);
  require_regular_file("AppendFile", path, fd_);
}

void AppendFile::append(std::string_view bytes) {
  if (const int code = write_all(fd_, bytes_of(bytes))) fail_on_file("AppendFile", "append to", path_, code);
}

void AppendFile::sync() {
  if (::fsync(fd_) != 0 && errno != EINVAL) fail_on_file("AppendFile", "sync to the disk", path_, errno);
}

void AppendFile::cut(std::uint64_t size) {
  if (::ftruncate(fd_, off_t(size)) != 0) fail_on_file("AppendFile", "shorten", path_, errno);
}

std::uint64_t AppendFile::size() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) fail_on_file("AppendFile", "examine", path_, errno);
  return std::uint64_t(info.st_size);
}

}  // namespace stillpoint
