// The text files of tasks/ and bench/ that are embedded in the program (listed in cmake/Shipped.cmake).
#pragma once
#include <span>
#include <string_view>

namespace stillpoint {

struct ShippedFile {
  std::string_view name;  // relative to tasks/ or bench/, as in presets/TASK/quick.json
  std::string_view text;
};

// Sorted by name within a folder.
std::span<const ShippedFile> shipped_files();
// Returns the text of the file of that name. Throws Error if there is none.
std::string_view shipped_file(std::string_view name);

}  // namespace stillpoint
