// Recognises files by their first bytes, and names them if another kind is expected.
#pragma once
#include <filesystem>
#include <string_view>

namespace stillpoint {

// Returns the kind of a file that begins with these bytes, as "a zip archive"; empty if it is not listed.
std::string_view file_kind(std::string_view head);

// For a reader whose file does not begin as it should. Throws Error, "where: given PATH, which is a zip
// archive, expected ...; what to do", if the file's first bytes (512 distinguish all kinds) are of a listed
// kind. Otherwise it returns, and the reader reports its own error.
void refuse_other_kind(std::string_view where, const std::filesystem::path& path, std::string_view head,
                       std::string_view expected);

}  // namespace stillpoint
