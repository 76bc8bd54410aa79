// A library to preload. It numbers the calls by which a program changes one folder; at one of them it kills
// the process or lets the call fail. It can also record all of them for a replay.
//
//   FAULT_FOLDER  an absolute path; calls on it, on what it holds and on its parent folder count
//   FAULT_COUNT   the file that receives the number of calls at the end of the process
//   FAULT_KILL    the number of the call at which the process is killed; a write first writes half its bytes
//   FAULT_FAIL    the number of the call that fails
//   FAULT_CODE    the errno of that failure
//   FAULT_STAYS   if not 0, every later call fails too
//   FAULT_TRACE   the file that receives every successful call, with the bytes of writes
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int descriptors = 1024;
std::atomic<bool> watched[descriptors];

const char* setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}
long number(const char* name) { return std::atol(setting(name)); }

struct Settings {
  std::string folder = setting("FAULT_FOLDER"), count = setting("FAULT_COUNT"),
              trace = setting("FAULT_TRACE");
  std::string parent = folder.substr(0, folder.rfind('/'));
  long kill = number("FAULT_KILL"), fail = number("FAULT_FAIL"), code = number("FAULT_CODE");
  bool stays = number("FAULT_STAYS") != 0;
  int trace_file = trace.empty() ? -1
                                 : int(::syscall(SYS_openat, AT_FDCWD, trace.c_str(),
                                                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
};
Settings& settings() {
  static auto* const all = new Settings;  // outlives every destructor that closes a file
  return *all;
}
std::atomic<long> calls{0};

std::string path_of(int fd) {
  char path[4096] = {};
  const std::string link = fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(fd);
  ::syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path, sizeof path - 1);
  return path;
}

std::string absolute(int folder, const char* path) {
  if (path[0] == '/') return path;
  return std::strcmp(path, ".") == 0 ? path_of(folder) : path_of(folder) + "/" + path;
}

bool counts(const std::string& path) {
  const Settings& s = settings();
  return !s.folder.empty() && (path == s.folder || path == s.parent || path.rfind(s.folder + "/", 0) == 0);
}

// Counts this call. Returns whether it has to fail; does not return if the process has to die here.
bool fails(void (*half)(void*) = nullptr, void* what = nullptr) {
  const Settings& s = settings();
  const long now = ++calls;
  if (now == s.kill) {
    if (half != nullptr) half(what);
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  const bool bad = s.fail > 0 && (now == s.fail || (s.stays && now > s.fail));
  if (bad) errno = int(s.code);
  return bad;
}

void tell(const std::string& line, const void* bytes = nullptr, std::size_t size = 0) {
  if (settings().trace_file < 0) return;
  std::string all = line + "\n";
  all.append(static_cast<const char*>(bytes), size);
  if (::syscall(SYS_write, settings().trace_file, all.data(), all.size()) != long(all.size())) ::abort();
}

std::string node(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  return std::to_string(info.st_ino);
}

bool is_watched(int fd) { return fd >= 0 && fd < descriptors && watched[fd]; }

int open_at(int folder, const char* path, int flags, unsigned mode) {
  const std::string where = absolute(folder, path);
  const bool counted = counts(where);
  if (counted && fails()) return -1;
  struct stat info {};
  const bool old = counted && ::fstatat(folder, path, &info, 0) == 0;
  const int fd = int(::syscall(SYS_openat, folder, path, flags, mode));
  if (!counted || fd < 0 || fd >= descriptors) return fd;
  watched[fd] = true;
  if (!old && (flags & O_CREAT)) tell("create\t" + node(fd) + "\t" + where);
  return fd;
}

int result(long code) { return int(code); }

template <class Call>
int on_paths(const std::string& a, const std::string& b, const char* name, const Call& call) {
  const bool counted = counts(a) || (!b.empty() && counts(b));
  if (counted && fails()) return -1;
  const int code = result(call());
  if (counted && code == 0) tell(std::string(name) + "\t" + a + (b.empty() ? "" : "\t" + b));
  return code;
}

template <class Call>
int on_file(int fd, const char* name, const Call& call) {
  if (!is_watched(fd)) return result(call());
  if (fails()) return -1;
  const int code = result(call());
  if (code == 0) tell(std::string(name) + "\t" + node(fd) + "\t" + path_of(fd));
  return code;
}

unsigned mode_of(int flags, va_list& rest) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, unsigned) : 0;
}

__attribute__((destructor)) void say_count() {
  const Settings& s = settings();
  if (s.count.empty()) return;
  const std::string text = std::to_string(calls.load());
  const int fd = int(::syscall(SYS_openat, AT_FDCWD, s.count.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  if (fd < 0 || ::syscall(SYS_write, fd, text.data(), text.size()) < 0) ::abort();
}

}  // namespace

extern "C" {

#define OPEN(name)                               \
  int name(const char* path, int flags, ...) {   \
    va_list rest;                                \
    va_start(rest, flags);                       \
    const unsigned mode = mode_of(flags, rest);  \
    va_end(rest);                                \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                       \
  int name(int folder, const char* path, int flags, ...) { \
    va_list rest;                                          \
    va_start(rest, flags);                                 \
    const unsigned mode = mode_of(flags, rest);            \
    va_end(rest);                                          \
    return open_at(folder, path, flags, mode);             \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void* bytes, size_t size) {
  if (!is_watched(fd)) return ::syscall(SYS_write, fd, bytes, size);
  struct Piece {
    int fd;
    const void* bytes;
    size_t size;
  } piece{fd, bytes, size / 2};
  const auto half = [](void* what) {
    const Piece& p = *static_cast<Piece*>(what);
    ::syscall(SYS_write, p.fd, p.bytes, p.size);
  };
  if (fails(half, &piece)) return -1;
  const off_t at = (::fcntl(fd, F_GETFL) & O_APPEND) ? ::lseek(fd, 0, SEEK_END) : ::lseek(fd, 0, SEEK_CUR);
  const ssize_t done = ::syscall(SYS_write, fd, bytes, size);
  if (done > 0)
    tell("write\t" + node(fd) + "\t" + std::to_string(at) + "\t" + std::to_string(done), bytes,
         std::size_t(done));
  return done;
}

ssize_t read(int fd, void* bytes, size_t size) {
  if (is_watched(fd) && fails()) return -1;
  return ::syscall(SYS_read, fd, bytes, size);
}

int close(int fd) {
  if (!is_watched(fd)) return result(::syscall(SYS_close, fd));
  const bool bad = fails();
  const int code = errno;
  watched[fd] = false;
  const int closed = result(::syscall(SYS_close, fd));
  errno = code;
  return bad ? -1 : closed;
}

int fsync(int fd) {
  return on_file(fd, "sync", [&] { return ::syscall(SYS_fsync, fd); });
}
int fdatasync(int fd) {
  return on_file(fd, "sync", [&] { return ::syscall(SYS_fdatasync, fd); });
}
int flock(int fd, int operation) {
  return on_file(fd, "lock", [&] { return ::syscall(SYS_flock, fd, operation); });
}
int ftruncate(int fd, off_t size) {
  return on_file(fd, ("cut\t" + std::to_string(size)).c_str(),
                 [&] { return ::syscall(SYS_ftruncate, fd, size); });
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int rename(const char* from, const char* to) {
  return on_paths(absolute(AT_FDCWD, from), absolute(AT_FDCWD, to), "rename",
                  [&] { return ::syscall(SYS_rename, from, to); });
}
int link(const char* from, const char* to) {
  return on_paths(absolute(AT_FDCWD, from), absolute(AT_FDCWD, to), "link",
                  [&] { return ::syscall(SYS_link, from, to); });
}
int unlink(const char* path) {
  return on_paths(absolute(AT_FDCWD, path), "", "unlink", [&] { return ::syscall(SYS_unlink, path); });
}
int unlinkat(int folder, const char* path, int flags) {
  return on_paths(absolute(folder, path), "", "unlink",
                  [&] { return ::syscall(SYS_unlinkat, folder, path, flags); });
}
int remove(const char* path) {
  struct stat info {};
  if (::lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) return result(::syscall(SYS_rmdir, path));
  return unlink(path);
}
int mkdir(const char* path, mode_t mode) {
  return on_paths(absolute(AT_FDCWD, path), "", "mkdir", [&] { return ::syscall(SYS_mkdir, path, mode); });
}

}  // extern "C"
