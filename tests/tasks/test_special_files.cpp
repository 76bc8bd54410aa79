// Tests that every reader refuses files that are not regular before it opens them, so that no read waits for
// another process.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>

#include "engine/config.h"
#include "engine/io/files.h"
#include "engine/io/safetensors.h"
#include "tasks/data/cifar.h"
#include "tasks/data/gzip_file.h"
#include "tasks/data/idx.h"
#include "tasks/data/svhn.h"
#include "tasks/io/image.h"
#include "tasks/training/run_folder.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

// Replaces what is at a path by a pipe, a socket, a device or a folder.
struct Special {
  std::string name, words;
  std::function<void(const fs::path&)> make;
};

void make_socket(const fs::path& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  REQUIRE(path.string().size() < sizeof address.sun_path);
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(listener);
}

std::vector<Special> specials() {
  return {{"pipe", "is a pipe, expected a regular file",
           [](const fs::path& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }},
          {"socket", "is a socket, expected a regular file", make_socket},
          {"device", "is a device, expected a regular file",
           [](const fs::path& path) { fs::create_symlink("/dev/zero", path); }},
          {"folder", "Is a directory", [](const fs::path& path) { fs::create_directory(path); }}};
}

// Ends this process if a call blocks.
struct Watchdog {
  Watchdog() { ::alarm(60); }
  ~Watchdog() { ::alarm(0); }
};

}  // namespace

TEST_CASE("every reader refuses pipes, sockets, devices and folders at once", "[files]") {
  const TempDir dir;
  const ImageSet set = test::sample_images(10, 1, 28, 28);
  test::write_bytes(dir / "labels", idx_labels(set));
  test::write_bytes(dir / "images", idx_images(set));
  const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> readers {
    {"whole file", [](const fs::path& path) { read_file(path); }},
        {"lines", [](const fs::path& path) { LineReader lines(path); }},
        {"JSON", [](const fs::path& path) { read_json_file(path); }},
        {"safetensors", [](const fs::path& path) { SafetensorsFile file(path); }},
        {"picture", [](const fs::path& path) { read_image(path); }},
        {"gzip", [](const fs::path& path) { GzipFile file("gzip", path); }},
        {"IDX images", [&](const fs::path& path) { read_idx(path, dir / "labels", 28, 28); }},
        {"IDX labels", [&](const fs::path& path) { read_idx(dir / "images", path, 28, 28); }},
        {"CIFAR's batch", [](const fs::path& path) { read_cifar_folder(path.parent_path(), 1); }},
#if STILLPOINT_LIBARCHIVE
        {"CIFAR's archive", [](const fs::path& path) { read_cifar_archive(path, 1); }},
#endif
#if STILLPOINT_MATIO
        {"SVHN", [](const fs::path& path) { read_svhn(path); }},
#endif
    {
      "log", [](const fs::path& path) { AppendFile file(path, AppendFile::Open::append); }
    }
  };
  const Watchdog watchdog;
  for (const Special& special : specials())
    for (const auto& [reader, read] : readers) {
      INFO(reader << " of a " << special.name);
      fs::remove(dir / "data_batch_1.bin");
      special.make(dir / "data_batch_1.bin");
      const std::string said = error_text([&] { read(dir / "data_batch_1.bin"); });
      INFO(said);
      CHECK_THAT(said, mentions((dir / "data_batch_1.bin").string()));
      // A pipe without a reader, or a socket, cannot be opened for writing at all.
      const bool unopened =
          std::string(reader) == "log" && special.name != "device" && special.name != "folder";
      CHECK_THAT(said, mentions(unopened ? "No such device or address" : special.words));
    }
}

TEST_CASE("a file of holes is refused before anything is read", "[files]") {
  const TempDir dir;
  test::write_bytes(dir / "hollow", "x");
  fs::resize_file(dir / "hollow", std::uintmax_t(1) << 42);
  const auto refused = [&](const auto& read) {
    CHECK_THAT(error_text(read), mentions("claims 4398046511104 bytes, of which the disk holds"));
  };
  refused([&] { read_file(dir / "hollow"); });
  refused([&] { SafetensorsFile file(dir / "hollow"); });
  refused([&] { GzipFile file("gzip", dir / "hollow"); });
}

TEST_CASE("no command waits for a pipe in place of any file that it reads", "[files][cli]") {
  const TempDir dir;
  const auto program = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"/usr/bin/timeout", "60", STILLPOINT_PROGRAM});
    return test::finish(test::start_command(dir.path(), words), dir.path());
  };
  std::vector<std::string> train{"train", "copy-memory", "--threads", "1", "--run", "r"};
  for (const char* setting : {"model=tcn", "blank=1", "train_sequences=4", "valid_sequences=1",
                              "test_sequences=1", "epochs=1", "tcn_blocks=1", "tcn_channels=2"})
    train.insert(train.end(), {"--set", setting});
  REQUIRE(program(train).code == 0);
  const auto refused = [&](const std::vector<std::string>& words, const std::string& name, int code = 1) {
    const test::Result result = program(words);
    INFO(words[0] << ": " << result.output);
    CHECK(result.code == code);
    CHECK_THAT(result.output, mentions("stillpoint: ", name));
  };
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  refused({"eval", "pipe"}, "'pipe' is a pipe");
  refused({"predict", "pipe", "x.png"}, "'pipe' is a pipe");
  refused({"report", "pipe"}, "pipe, a file");
  refused({"spectrum", "pipe", "--output", "o"}, "'pipe' is a pipe");
  refused({"train", "copy-memory", "--config", "pipe"}, "'pipe' is a pipe");
  refused({"train", "image-regression", "pipe"}, "pipe' is a pipe");
  refused({"train", "image-classification", "--data", "pipe"}, "pipe, which is no folder");
  refused({"train", "image-classification", "--dataset", "cifar10", "--data", "pipe"}, "pipe' is a pipe");
  refused({"tune", "copy-memory", "--storage-file", "pipe"}, "'pipe' is a pipe");
  REQUIRE(::mkfifo((dir / "space.json").c_str(), 0600) == 0);
  refused({"tune", "copy-memory", "--space", "space.json"}, "'space.json' is a pipe");
  fs::create_directory(dir / "mnist");
  REQUIRE(::mkfifo((dir / "mnist/train-images-idx3-ubyte").c_str(), 0600) == 0);
  for (const char* name : {"train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    test::write_bytes(dir / (std::string("mnist/") + name), "x");
  refused({"train", "image-classification", "--data", "mnist"}, "train-images-idx3-ubyte' is a pipe");
  const std::vector<std::string> resume{"train", "copy-memory", "--resume", "r"};
  for (const char* name : {"checkpoint.safetensors", "config.json", "metrics.jsonl"}) {
    INFO(name);
    const fs::path file = dir / ("r/" + std::string(name));
    fs::remove(dir / "r/results.json");
    fs::rename(file, dir / "kept");
    fs::remove(dir / "r/checkpoint.previous.safetensors");
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    refused(resume, name);
    CHECK(program({"report", "r"}).code < 124);
    fs::remove(file);
    fs::rename(dir / "kept", file);
  }
}

}  // namespace stillpoint
