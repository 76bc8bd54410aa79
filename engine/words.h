// Words for people: names that are near, text that a terminal may show, commands that a shell may be given,
// and paths as the UTF-8 that JSON needs.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint {

// "a, b, c".
std::string join(const std::vector<std::string>& words);

// ", did you mean 'x'?" with the name among `known` that is nearest to `name` by edit distance; empty where
// none is within a third of the longer one's length.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

// Text of any origin as one line that neither steers a terminal nor floods it: control characters and bytes
// that are not UTF-8 become \n, \t or \xNN, and of what is longer than `longest` bytes the middle is left
// out.
std::string shown(std::string_view text, std::size_t longest = 240);
// The same for a whole message, which may hold several lines: a line break stays where two spaces or nothing
// follow it, as the program itself writes them. Every word of it is shown().
std::string shown_message(std::string_view message);

// One word of a command as bash reads it. A path that begins with '-' is given as ./-...
std::string shell_quoted(std::string_view word);
std::string shell_path(const std::filesystem::path& path);
// The words of a command, each quoted.
std::string shell_command(const std::vector<std::string>& words);

// Bytes of the UTF-8 character that the text begins with; 0 where it begins with none.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);
// A path as UTF-8, and back. Paths are bytes: one that is no part of UTF-8 becomes U+0000, which no path
// holds, followed by its two hexadecimal digits. All other text stands for itself.
std::string path_to_text(const std::filesystem::path& path);
std::filesystem::path path_from_text(std::string_view text);

}  // namespace stillpoint
