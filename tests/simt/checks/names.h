// Names of functions, from the symbol tables of the program and its libraries.
#pragma once

namespace simt {

// Returns the start of the function whose code holds the address, or the address itself if no symbol does.
const void* function_at(const void* address);

}  // namespace simt
