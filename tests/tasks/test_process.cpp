// Tests the program as a process: its streams, signals, limits and processor.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/io/checkpoint.h"
#include "engine/io/files.h"
#include "tasks/process/processes.h"
#include "tasks/training/train.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::TempDir;

// Runs a shell's command. $S is the program, $Q trains for 10 steps in the folder r, $LONG trains without
// end. An earlier command's output is removed first, because `started` would take it for this command's.
Result shell(const TempDir& folder, const std::string& command) {
  fs::remove(folder / "out");
  const std::string small =
      "train copy-memory --model tcn --device cpu --threads 1 --run r --set blank=4 --set train_sequences=40 "
      "--set valid_sequences=2 --set test_sequences=2 --set batch=4 --set tcn_blocks=2 --set tcn_channels=4 ";
  const std::string words = text("S='", STILLPOINT_PROGRAM, "'; Q='", small, "--set epochs=1'; LONG='", small,
                                 "--set epochs=10000000 --set checkpoint_every=1000000'; ", command);
  return test::finish(test::start_command(folder.path(), {"/bin/bash", "-c", words}), folder.path());
}

void check(const Result& result, int code, const Mentions& words) {
  INFO(result.output);
  CHECK(result.code == code);
  CHECK_THAT(result.output, words);
}

bool saved(const TempDir& folder) { return fs::exists(folder / "r" / checkpoint_name); }

// Starts the command and waits until the run has begun; from then on a signal makes it save.
const std::string started = " >out 2>err & p=$!; until grep -q 'run folder' out; do sleep 0.05; done; ";

}  // namespace

TEST_CASE("files do not take the numbers of closed standard streams", "[process]") {
  const TempDir folder;
  CHECK(shell(folder, "$S $Q <&- >&- 2>&-").code == 0);
  std::ifstream metrics(folder / "r" / "metrics.jsonl");
  std::string line;
  std::size_t rows = 0;
  for (; std::getline(metrics, line); ++rows) CHECK(nlohmann::json::accept(line));
  CHECK(rows > 0);
}

TEST_CASE("output that cannot be written is an error of every command", "[process]") {
  const TempDir folder;
  REQUIRE(shell(folder, "$S $Q").code == 0);
  for (const char* command :
       {"eval r", "info", "train --help", "--version", "train copy-memory --preset list",
        "report r --output r.html", "spectrum hopf"}) {
    INFO(command);
    check(shell(folder, text("$S ", command, " > /dev/full")), 1,
          mentions("stillpoint: standard output could not be written"));
  }
  // A reader that leaves early knows that it did, so the program prints no message.
  const Result closed = shell(folder, "{ sleep 0.5; $S info; echo code $? >&2; } | true");
  CHECK(closed.output == "code 1\n");
}

TEST_CASE("training saves and stops where nobody reads its output any more", "[process]") {
  const TempDir folder;
  check(shell(folder, "{ $S $LONG --set evaluate_every=2; echo code $? >&2; } | head -1"), 0,
        mentions("code 130", "is saved. Resume with:", "stillpoint train copy-memory --resume r"));
  CHECK(saved(folder));
}

TEST_CASE("a hang-up ends training with a checkpoint, and not under nohup", "[process]") {
  const TempDir folder;
  check(shell(folder, "$S $LONG" + started + "kill -HUP $p; wait $p; echo code $?; cat out err"), 0,
        mentions("code 130", "Resume with:"));
  CHECK(saved(folder));
  fs::remove_all(folder / "r");
  check(shell(folder,
              "nohup $S $LONG" + started +
                  "kill -HUP $p; sleep 0.5; kill -0 $p && echo lives; kill -INT $p; wait $p; echo code $?"),
        0, mentions("lives", "code 130"));
}

TEST_CASE("a second Ctrl-C ends the program at once, and one that was sent twice does not", "[process]") {
  const TempDir folder;
  // One step takes many seconds.
  const std::string slow =
      "$S $LONG --set batch=2000 --set train_sequences=2000 --set blank=2000 --set tcn_blocks=16" + started;
  check(shell(folder,
              slow + "kill -INT $p; kill -INT $p; sleep 0.7; kill -0 $p && echo lives; kill -INT $p; wait "
                     "$p; echo code $?"),
        0, mentions("lives", "code 130"));
  CHECK(read_checkpoint_record(folder / "r" / checkpoint_name)["step"] == 0);
}

TEST_CASE("a command that has nothing to save ends as its signal says", "[process]") {
  const TempDir folder;
  for (const auto& [name, code] :
       {std::pair{"INT", 130}, {"TERM", 143}, {"HUP", 129}, {"USR1", 138}, {"PIPE", 141}}) {
    INFO(name);
    check(shell(folder, text("(exec $S selftest --device cpu --threads 1) & p=$!; sleep 0.3; kill -", name,
                             " $p; wait $p; echo code $?")),
          0, mentions(text("code ", code)));
  }
}

TEST_CASE("children that hang after they were asked to end are named", "[process]") {
  const TempDir folder;
  const pid_t child =
      test::start_command(folder.path(), {"/bin/sh", "-c", "trap '' INT; touch ready; exec sleep 60"});
  test::wait_for(folder / "ready");
  EndOfChildren ending(0.1);
  std::ostringstream out;
  ending.pass_on({child}, out);
  CHECK(out.str().empty());
  for (int i = 0; i < 200 && out.str().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ending.pass_on({child}, out);
  }
  CHECK_THAT(out.str(),
             mentions(text("still running: ", child, ", told to end"), "another Ctrl-C kills them"));
  ::kill(child, SIGKILL);
  CHECK(test::finish(child, folder.path()).code == 128 + SIGKILL);
}

TEST_CASE("the Python of a search has the signals that the program was started with", "[process]") {
  const TempDir folder;
  write_atomically(folder / "python", "#!/bin/sh\ngrep SigBlk /proc/self/status\n");
  fs::permissions(folder / "python", fs::perms::owner_all);
  check(shell(folder, "STILLPOINT_PYTHON=$PWD/python $S tune copy-memory --device cpu --dry-run"), 0,
        mentions("SigBlk:\t0000000000000000"));
}

TEST_CASE("a file that may not grow is named with advice, and no signal ends the program", "[process]") {
  const TempDir folder;
  check(shell(folder, "ulimit -f 8; $S $Q"), 1, mentions("stillpoint: ", "File too large"));
}

#if !defined(__SANITIZE_ADDRESS__)  // its shadow needs more addresses than the limit or qemu allow
TEST_CASE("too little memory ends the program with words", "[process]") {
  const TempDir folder;
  REQUIRE(shell(folder, "$S info").code == 0);
  Index with_words = 0;
  for (const char* command : {"info", "${Q/--threads 1/--threads 2}"})
    for (int megabytes = 60; megabytes <= 400; megabytes += 34) {
      const Result r = shell(folder, text("rm -rf r; ulimit -v ", megabytes * 1024, "; exec $S ", command));
      INFO(command << " in " << megabytes << " MB: " << r.output);
      const bool before_main =
          r.code == 127 && r.output.find("error while loading shared libraries") != r.output.npos;
      const bool words = r.code == 1 && r.output.find("stillpoint: ") != r.output.npos;
      with_words += words;
      CHECK((r.code == 0 || before_main || words));
    }
  CHECK(with_words > 0);
}

#if defined(__AVX__)
TEST_CASE("a processor that lacks instructions is named before any of them is met", "[process]") {
  const TempDir folder;
  if (shell(folder, "command -v qemu-x86_64").code != 0) return;
  for (const char* processor : {"qemu64", "Nehalem"})
    check(shell(folder, text("qemu-x86_64 -cpu ", processor, " $S info")), 1,
          mentions("stillpoint: this program was compiled for a newer processor than this one, which lacks",
                   "avx", "-DSTILLPOINT_NATIVE=OFF"));
}
#endif
#endif

}  // namespace stillpoint
