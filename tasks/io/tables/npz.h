// Reads NumPy's .npz files: archives of .npy files.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace stillpoint {

// Whether the bytes of a file begin as a zip archive does.
bool is_npz(std::string_view bytes);
// Returns the bytes of each array's .npy file by the array's name, unpacked. Throws Error, in the name of
// `where`, if the archive is damaged, holds no array or two of one name, or if the program was built without
// libarchive.
std::map<std::string, std::string> unpack_npz(const std::string& where, std::string_view bytes);

}  // namespace stillpoint
