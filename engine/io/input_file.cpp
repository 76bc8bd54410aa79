// Opens regular files and nothing else, and reads them with POSIX calls.
#include "engine/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "kernels/device/error.h"

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

// Returns the kind of a file that is not regular, or an empty text for a regular one and for a folder.
const char* kind_of(mode_t mode) {
  return S_ISFIFO(mode)                   ? "a pipe"
         : S_ISSOCK(mode)                 ? "a socket"
         : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                                          : "";
}

// Returns whether a file of more than 2^30 bytes holds less than a thousandth of them. Some file systems
// report no blocks at all; those do not know holes either.
bool is_hollow(int fd, const struct stat& info) {
  constexpr off_t large = 1 << 30, block = 512, thousand = 1000;
  return info.st_size > large && info.st_blocks * block < info.st_size / thousand &&
         ::lseek(fd, 0, SEEK_HOLE) < info.st_size;
}

// Returns how much `some`, a call that reads, gives until nothing more comes, or -1, with errno, on failure.
template <class Some>
ssize_t read_all(void* to, std::size_t count, const Some& some) {
  std::size_t got = 0;
  while (got < count) {
    const ssize_t n = some(static_cast<char*>(to) + got, count - got, got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    got += std::size_t(n);
  }
  return ssize_t(got);
}

// Throws Error if the file is not a regular one; a pipe passes if `handed_over`.
void check_kind(const std::string& where, const fs::path& path, mode_t mode, bool handed_over = false) {
  if (S_ISDIR(mode)) fail_on_file(where, "open", path, EISDIR);
  require(*kind_of(mode) == '\0' || (handed_over && S_ISFIFO(mode)), where, ": '", path.string(), "' is ",
          kind_of(mode), ", expected a regular file; give the name of one");
}

}  // namespace

void fail_on_file(const std::string& where, const char* action, const fs::path& path, int code) {
  throw MachineError(text(where, ": cannot ", action, " '", path.string(),
                          "': ", std::generic_category().message(code), "; ", advice(code)));
}

void require_regular_file(const std::string& where, const fs::path& path, int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) fail_on_file(where, "examine", path, errno);
  check_kind(where, path, info.st_mode);
}

InputFile::InputFile(const fs::path& path, std::string where, Kinds kinds)
    : path_(path), where_(std::move(where)) {
  const bool handed_over = kinds == Kinds::pipes_of_the_caller &&
                           (path.string().starts_with("/dev/") || path.string().starts_with("/proc/"));
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) fail_on_file(where_, "open", path_, errno);
  check_kind(where_, path_, info.st_mode, handed_over);
  // Opens without waiting, because a pipe may have replaced the file since.
  fd_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd_ < 0) fail_on_file(where_, "open", path_, errno);
  if (::fstat(fd_, &info) != 0) fail_on_file(where_, "examine", path_, errno);
  check_kind(where_, path_, info.st_mode, handed_over);
  if (S_ISFIFO(info.st_mode)) ::fcntl(fd_, F_SETFL, 0);
  require(!is_hollow(fd_, info), where_, ": '", path_.string(), "' claims ", info.st_size,
          " bytes, of which the disk holds ", info.st_blocks * 512,
          ", expected a file of data; give another one");
  size_ = std::uint64_t(std::max<off_t>(info.st_size, 0));
}

std::size_t InputFile::read(void* to, std::size_t count) {
  const ssize_t got =
      read_all(to, count, [&](void* at, std::size_t rest, std::size_t) { return ::read(fd_, at, rest); });
  if (got < 0) fail_on_file(where_, "read", path_, errno);
  return std::size_t(got);
}

void InputFile::skip(std::uint64_t count) {
  if (::lseek(fd_, off_t(count), SEEK_CUR) < 0) fail_on_file(where_, "read", path_, errno);
}

std::size_t InputFile::read_some(std::uint64_t from, void* to, std::size_t count) const {
  const ssize_t got = read_all(to, count, [&](void* at, std::size_t rest, std::size_t done) {
    return ::pread(fd_, at, rest, off_t(from + done));
  });
  if (got < 0) fail_on_file(where_, "read", path_, errno);
  return std::size_t(got);
}

void InputFile::read_at(std::uint64_t at, void* to, std::size_t count) const {
  const std::size_t got = read_some(at, to, count);
  require(got == count, where_, ": '", path_.string(), "' ends at byte ", at + got, ", expected ", at + count,
          " or more; it was shortened while it was read, copy or write it again");
}

std::string InputFile::head() const {
  std::string bytes(512, '\0');
  bytes.resize(read_some(0, bytes.data(), bytes.size()));
  return bytes;
}

std::string read_file(const fs::path& path, std::uint64_t most, InputFile::Kinds kinds) {
  InputFile file(path, "read_file", kinds);
  const auto check = [&](std::uint64_t size) {
    require(size <= most, "read_file: '", path.string(), "' has ", size, " bytes or more, expected at most ",
            most, "; give another file");
  };
  check(file.size());
  std::string bytes;
  // Asks for one byte more than the size, so that the end of a regular file shows without another growth.
  for (std::size_t wanted = file.size() + 1, count = 0;; wanted = bytes.size()) {
    bytes.resize(count + wanted);
    const std::size_t got = file.read(bytes.data() + count, wanted);
    count += got;
    check(count);
    if (got == wanted) continue;
    bytes.resize(count);
    return bytes;
  }
}

bool LineReader::fill() {
  constexpr std::size_t piece = 1 << 16;
  buffer_.resize(piece);
  buffer_.resize(file_.read(buffer_.data(), piece));
  at_ = 0;
  return !buffer_.empty();
}

bool LineReader::at_end() { return at_ == buffer_.size() && !fill(); }

bool LineReader::next(std::string_view& line) {
  line_.clear();
  begin_ = end_;
  ended_ = false;
  while (!ended_ && !at_end()) {
    const std::size_t found = std::min(buffer_.find('\n', at_), buffer_.size());
    line_.append(buffer_, at_, std::min(found - at_, longest - line_.size()));
    ended_ = found < buffer_.size();
    end_ += found - at_ + ended_;
    at_ = found + ended_;
  }
  line = line_;
  return end_ > begin_;
}

}  // namespace stillpoint
