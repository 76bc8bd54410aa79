// Files that stand where another kind is expected: recognised by their first bytes, and called by their name.
#pragma once
#include <filesystem>
#include <string_view>

namespace stillpoint {

// What a file is that begins with these bytes, as "a zip archive"; empty for a kind that is not listed.
std::string_view file_kind(std::string_view head);

// For a reader whose file does not begin as it should. Throws Error, "where: given PATH, which is a zip
// archive, expected ...; what to do", if the file's first bytes (512 tell all kinds apart) are of a listed
// kind; returns if not, for the reader's own words.
void refuse_other_kind(std::string_view where, const std::filesystem::path& path, std::string_view head,
                       std::string_view expected);

}  // namespace stillpoint
