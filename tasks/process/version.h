// The version of this program, for --version, info and a run's record.
#pragma once

namespace stillpoint {

// "0.1.0 (v0.1.0-3-gd12707a)": the project's version and `git describe` of the commit that was built, with
// "-dirty" if files differ from it; "0.1.0" if it was built without git.
extern const char* const program_version;

}  // namespace stillpoint
