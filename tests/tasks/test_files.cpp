// Tests atomic writes, growing files, and reading from files that are not regular.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/io/files.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

TEST_CASE("files: a write replaces the whole file and leaves nothing else", "[files]") {
  const test::TempDir dir;
  const auto path = dir / "f";
  write_atomically(path, std::string_view("old content\0x", 13));
  CHECK(read_file(path) == std::string("old content\0x", 13));
  ::chmod(path.c_str(), 0640);
  const std::vector<Bytes> pieces{bytes_of("ab"), {}, bytes_of("cd")};
  write_atomically(path, pieces);
  CHECK(read_file(path) == "abcd");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);

  std::filesystem::create_symlink("f", dir / "link");
  write_atomically(dir / "link", "");
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(read_file(path).empty());
  CHECK(dir.names() == std::set<std::string>{"f", "link"});
}

TEST_CASE("files: a write that fails half-way keeps the old file", "[files]") {
  const test::TempDir dir;
  write_atomically(dir / "f", "old");
  rlimit old_limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, old_limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const std::string message = error_of([&] { write_atomically(dir / "f", std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  CHECK(contains(message, "cannot write '" + (dir / "f").string() + "': File too large; raise the limit"));
  CHECK(read_file(dir / "f") == "old");
  CHECK(dir.names() == std::set<std::string>{"f"});
}

TEST_CASE("files: errors name the path, the reason and the way out", "[files]") {
  const test::TempDir dir;
  write_atomically(dir / "f", "x");
  CHECK(contains(error_of([&] { write_atomically(dir / "no" / "f", "x"); }),
                 "no/f': No such file or directory; check"));
  CHECK(contains(error_of([&] { write_atomically(dir / "f" / "g", "x"); }), "Not a directory"));
  CHECK(contains(error_of([&] { write_atomically(dir.path(), "x"); }),
                 "Is a directory; give the name of a file"));
  CHECK(contains(error_of([&] { write_atomically("/dev/null", "x"); }), "device"));
  CHECK(contains(error_of([&] { read_file(dir / "absent"); }), "read_file: cannot open"));
  CHECK(contains(error_of([&] { read_file(dir.path()); }), "Is a directory"));
  CHECK(contains(error_of([&] { make_folder(dir / "f"); }), "cannot make the folder"));
  CHECK(dir.names() == std::set<std::string>{"f"});
}

TEST_CASE("files: appending, and refusing to append to what exists", "[files]") {
  const test::TempDir dir;
  AppendFile first(dir / "log", AppendFile::Open::create_new);
  first.append("a");
  AppendFile moved = std::move(first);
  moved.append("b");
  AppendFile(dir / "log", AppendFile::Open::append).append("c");
  CHECK(read_file(dir / "log") == "abc");
  CHECK(contains(error_of([&] { AppendFile again(dir / "log", AppendFile::Open::create_new); }),
                 "File exists"));
}

TEST_CASE("files: settings may come through a pipe of the caller, of a size", "[files]") {
  const auto piped = [](const std::string& bytes) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      ::signal(SIGPIPE, SIG_DFL);
      for (std::size_t at = 0; at < bytes.size();)
        at += std::size_t(::write(ends[1], bytes.data() + at, bytes.size() - at));
      ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    try {
      said = read_json_file(text("/dev/fd/", ends[0])).dump();
    } catch (const Error& error) {
      said = error.what();
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return said;
  };
  CHECK(piped(R"({"epochs": 3})") == R"({"epochs":3})");
  CHECK(contains(piped("[" + std::string(std::size_t(65) << 20, ' ') + "]"), "expected at most 67108864"));
}

TEST_CASE("files: temporaries of dead processes are removed, and nothing else is", "[files]") {
  const test::TempDir dir;
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const std::string gone = text(".stillpoint-", dead, "-0.tmp"),
                    alive = text(".stillpoint-", ::getpid(), "-999.tmp"),
                    link = text(".stillpoint-", dead, "-1.tmp"),
                    folder = text(".stillpoint-", dead, "-2.tmp"),
                    pipe = text(".stillpoint-", dead, "-3.tmp"),
                    other = text(".stillpoint-", dead, "-0.tmp.txt");
  for (const std::string& name : {gone, alive, other, std::string("kept")})
    test::write_bytes(dir / name, "x");
  std::filesystem::create_symlink("kept", dir / link);
  std::filesystem::create_directory(dir / folder);
  REQUIRE(::mkfifo((dir / pipe).c_str(), 0600) == 0);
  remove_leftovers(dir.path());
  CHECK(dir.names() == std::set<std::string>{alive, link, folder, pipe, other, "kept"});
}

TEST_CASE("files: the old file is kept under a second name", "[files]") {
  const test::TempDir dir;
  const auto write = [&](std::string_view bytes) {
    const Bytes piece = bytes_of(bytes);
    write_atomically(dir / "f", std::span(&piece, 1), dir / "before");
  };
  write("1");
  CHECK(dir.names() == std::set<std::string>{"f"});
  write("2");
  CHECK(read_file(dir / "before") == "1");
  // A kill between the two renames leaves this state: both names point to one file.
  std::filesystem::remove(dir / "before");
  std::filesystem::create_hard_link(dir / "f", dir / "before");
  write("3");
  CHECK(read_file(dir / "before") == "2");
  CHECK(read_file(dir / "f") == "3");
  CHECK(dir.names() == std::set<std::string>{"f", "before"});
}
