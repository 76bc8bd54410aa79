// Whole-file reads and crash-safe writes on POSIX calls: temporary, fsync, rename, fsync of the folder.
#include "engine/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

const char* advice(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some space on that disk or choose another folder";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f)";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions or choose another folder";
    case ENOENT:
      return "check the spelling, and that the folder exists";
    case ENOTDIR:
    case EEXIST:
      return "a file stands where a folder is needed or the name is taken: choose another name";
    case EISDIR:
      return "give the name of a file, not of a folder";
    case EMFILE:
    case ENFILE:
      return "close some files or raise the limit (ulimit -n)";
    default:
      return "check the disk and the path";
  }
}

[[noreturn]] void fail_on(const char* where, const char* action, const fs::path& path, int code) {
  throw MachineError(text(where, ": cannot ", action, " '", path.string(),
                          "': ", std::generic_category().message(code), "; ", advice(code)));
}

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

// A new file in `folder` that is removed again unless it is renamed to its final name.
class Temporary {
 public:
  Temporary(const fs::path& folder, const fs::path& target) {
    static std::atomic<unsigned> count{0};
    do {
      path_ = folder / text(".stillpoint-", ::getpid(), "-", count++, ".tmp");
      fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd_ < 0 && (errno == EEXIST || errno == EINTR));
    if (fd_ < 0) fail_on("write_atomically", "create a temporary file beside", target, errno);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  int fd() const { return fd_; }
  int close() { return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno; }
  int rename_to(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return errno;
    path_.clear();
    return 0;
  }

 private:
  fs::path path_;
  int fd_ = -1;
};

// The rename itself is durable only once the folder is on the disk; file systems without that answer EINVAL.
int sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? 0 : errno;
  const int code = ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
  ::close(fd);
  return code;
}

fs::path follow_link(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_symlink(path, ignored)) return path;
  const fs::path target = fs::weakly_canonical(path, ignored);
  return ignored ? path : target;
}

}  // namespace

void write_atomically(const fs::path& path, std::span<const Bytes> pieces) {
  const char* where = "write_atomically";
  const fs::path target = follow_link(path);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  struct stat old {};
  const bool replaces = ::stat(target.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode)) fail_on(where, "write", path, EISDIR);
  require(!replaces || S_ISREG(old.st_mode), where, ": '", path.string(),
          "' is a device or a pipe, expected a regular file; give another name");

  Temporary temporary(folder, path);
  if (replaces && ::fchmod(temporary.fd(), old.st_mode & 07777) != 0) {
    fail_on(where, "keep the permissions of", path, errno);
  }
  for (const Bytes piece : pieces) {
    if (const int code = write_all(temporary.fd(), piece)) fail_on(where, "write", path, code);
  }
  if (::fsync(temporary.fd()) != 0) fail_on(where, "sync to the disk", path, errno);
  if (const int code = temporary.close()) fail_on(where, "close", path, code);
  if (const int code = temporary.rename_to(target)) fail_on(where, "replace", path, code);
  if (const int code = sync_folder(folder)) fail_on(where, "sync the folder of", path, code);
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  const Bytes piece = bytes_of(bytes);
  write_atomically(path, std::span(&piece, 1));
}

std::string read_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_on("read_file", "open", path, errno);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } const closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail_on("read_file", "examine", path, errno);
  // One byte more than the size, so that the end of a regular file shows without another growth.
  std::string bytes(static_cast<std::size_t>(std::max<off_t>(info.st_size, 0)) + 1, '\0');
  std::size_t count = 0;
  while (true) {
    if (count == bytes.size()) bytes.resize(2 * bytes.size());
    const ssize_t n = ::read(fd, bytes.data() + count, bytes.size() - count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_on("read_file", "read", path, errno);
    if (n == 0) break;
    count += static_cast<std::size_t>(n);
  }
  bytes.resize(count);
  return bytes;
}

void make_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (!code && !fs::is_directory(folder)) code = std::make_error_code(std::errc::not_a_directory);
  if (code) fail_on("make_folder", "make the folder", folder, code.value());
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
  if (code) fail_on("remove", "remove", folder, code.value());
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
  fd_ = ::open(path.c_str(), flags, 0666);
  if (fd_ < 0) fail_on("AppendFile", "open for appending", path, errno);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::append(std::string_view bytes) {
  if (const int code = write_all(fd_, bytes_of(bytes))) fail_on("AppendFile", "append to", path_, code);
}

}  // namespace stillpoint
