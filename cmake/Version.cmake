# Included, it names the source that holds the version; run by the target write_version in every build, it writes that source
# if the commit is another one than before.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(STILLPOINT_VERSION_SOURCE ${PROJECT_BINARY_DIR}/version.cpp)
  add_custom_target(write_version BYPRODUCTS ${STILLPOINT_VERSION_SOURCE}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
      -DOUTPUT=${STILLPOINT_VERSION_SOURCE} -P ${CMAKE_CURRENT_LIST_FILE} VERBATIM)
  return()
endif()

# Only this repository's own commit counts, not one of a repository around an unpacked archive.
set(text "${VERSION}")
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --tags --match v* --dirty
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    string(APPEND text " (${commit})")
  endif()
endif()
set(source "// Written by cmake/Version.cmake.\n#include \"tasks/process/version.h\"\n
namespace stillpoint {\nconst char* const program_version = \"${text}\";\n}\n")
set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT before STREQUAL source)
  file(WRITE ${OUTPUT} "${source}")
endif()
