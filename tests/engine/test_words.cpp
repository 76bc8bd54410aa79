// Tests words for people: similar words, what a terminal may show, how bash reads a quoted word, paths in
// JSON.
#include <cstdio>

#include "engine/words.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

// Returns the arguments that bash passes to a program, each followed by a line break.
std::string through_bash(const std::string& words) {
  const std::string command = "bash -c " + shell_quoted("printf '%s\\n' " + words);
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += char(c);
  CHECK(::pclose(pipe) == 0);
  return out;
}

}  // namespace

TEST_CASE("names are suggested only where they are near", "[words]") {
  const std::vector<std::string> known{"splitting", "epochs", "lr", "evaluate_every"};
  CHECK(did_you_mean("epoch", known) == ", did you mean 'epochs'?");
  CHECK(did_you_mean("rl", known) == ", did you mean 'lr'?");
  CHECK(did_you_mean("rx", known).empty());
  CHECK(did_you_mean("l", known) == ", did you mean 'lr'?");
  CHECK(did_you_mean("early_stopping", known).empty());
  CHECK(did_you_mean(std::string(1 << 20, 'e'), known).empty());
}

TEST_CASE("text of any origin is shown as one line that steers no terminal", "[words]") {
  CHECK(shown("caf\xc3\xa9 100 %") == "caf\xc3\xa9 100 %");
  CHECK(shown("a\x1b[2J\nb\tc\x7f\xc2\x9b"
              "d\xe9\xe2\x80\xae") ==
        "a\\x1b[2J\\nb\\tc\\x7f\\xc2\\x9b"
        "d\\xe9\\xe2\\x80\\xae");
  const std::string cut = shown(std::string(1 << 20, 'x'));
  CHECK(cut.size() < 300);
  CHECK(test::contains(cut, "1048336 bytes more"));
  CHECK(shown_message("stopped. Go on with:\n  stillpoint train\n") ==
        "stopped. Go on with:\n  stillpoint train\n");
  CHECK(shown_message("given 'a\nb: done', expected c") == "given 'a\\nb: done', expected c");
  CHECK(shown_message("given " + std::string(1 << 20, 'x') + ", expected y").ends_with(", expected y"));
  CHECK(shown_message(std::string(1 << 20, '\n')).size() < 20000);
}

TEST_CASE("bash reads a quoted word as it was", "[words]") {
  CHECK(shell_quoted("runs/copy-memory-single-001") == "runs/copy-memory-single-001");
  CHECK(shell_path("-run") == "./-run");
  std::vector<std::string> words{"",
                                 "my run",
                                 "it's",
                                 "$HOME `id` \"x\" \\",
                                 "a\nb",
                                 "\x1b[2J",
                                 "caf\xe9"
                                 "99",
                                 "*?#%~!&;|<>(){}[]",
                                 "\\'\x01'",
                                 "100%",
                                 "caf\xc3\xa9 x"};
  std::string expected;
  for (const std::string& word : words) expected += word + "\n";
  CHECK(through_bash(shell_command(words)) == expected);
}

TEST_CASE("every path stands in JSON and comes back", "[words]") {
  for (const std::string path : {"/data/plain.png", "/caf\xc3\xa9/%41 #?'\".png",
                                 "/caf\xe9/\xff\xfe"
                                 "ab\n.png",
                                 ""}) {
    const std::string text = path_to_text(path);
    CHECK(is_utf8(text));
    CHECK(path_from_text(text).native() == path);
  }
  CHECK(path_to_text("/data/50%20.png") == "/data/50%20.png");
  CHECK(path_to_text("caf\xe9") == std::string("caf\0e9", 6));
  CHECK_THAT(error_text([] { path_from_text(std::string("a\0zz", 4)); }), mentions("U+0000", "a\\x00zz"));
  CHECK_THAT(error_text([] { path_from_text(std::string("a\0", 2)); }), mentions("U+0000"));
}

}  // namespace stillpoint
