// Words for people: near names, text that a terminal may show, commands for a shell, and paths as the UTF-8
// that JSON needs.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint {

// Returns "a, b, c".
std::string join(const std::vector<std::string>& words);

// Returns ", did you mean 'x'?" with the name among `known` that is nearest to `name` by edit distance, or an
// empty text if none is within a third of the longer one's length.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

// Returns text of any origin as one line that neither controls a terminal nor floods it. Control characters
// and bytes that are not UTF-8 become \n, \t or \xNN. If the text is longer than `longest` bytes, its middle
// is left out.
std::string shown(std::string_view text, std::size_t longest = 240);
// Does the same for a whole message, which may have more than one line: a line break stays if two spaces or
// nothing follow it, as the program itself writes them. Every word of it is shown().
std::string shown_message(std::string_view message);

// Returns one word of a command as bash reads it. A path that begins with '-' becomes ./-...
std::string shell_quoted(std::string_view word);
std::string shell_path(const std::filesystem::path& path);
// Returns the words of a command, each quoted.
std::string shell_command(const std::vector<std::string>& words);

// Returns the bytes of the UTF-8 character that the text begins with, or 0 if it begins with none.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);
// Convert a path to UTF-8 and back. Paths are bytes: a byte that is not UTF-8 becomes U+0000, which no
// path holds, followed by its two hexadecimal digits. All other text stands for itself.
std::string path_to_text(const std::filesystem::path& path);
std::filesystem::path path_from_text(std::string_view text);

}  // namespace stillpoint
