# Embeds files in the program as text. To add one, add a pattern here; shipped_file("search/tune.py")
# (tasks/settings/shipped.h) then returns its text. Names are relative to tasks/ or bench/.
file(GLOB shipped CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
  ${PROJECT_SOURCE_DIR}/bench/peers/*.py
  ${PROJECT_SOURCE_DIR}/tasks/bench/gpu/gpus.json
  ${PROJECT_SOURCE_DIR}/tasks/export/*.py
  ${PROJECT_SOURCE_DIR}/tasks/presets/*/*.json
  ${PROJECT_SOURCE_DIR}/tasks/search/*.py
  ${PROJECT_SOURCE_DIR}/tasks/spaces/*.json)

set(STILLPOINT_SHIPPED_SOURCE ${PROJECT_BINARY_DIR}/shipped.cpp)
set(source "// Written by cmake/Shipped.cmake.\n#include \"tasks/settings/shipped.h\"\n\nnamespace stillpoint {\n\n"
  "std::span<const ShippedFile> shipped_files() {\n  static constexpr ShippedFile files[] = {\n")
list(JOIN source "" source)
foreach(name ${shipped})
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name})
  file(READ ${PROJECT_SOURCE_DIR}/${name} content)
  string(REGEX REPLACE "^(tasks|bench)/(.*)$" "\\2" name ${name})
  string(APPEND source "      {\"${name}\", R\"shipped(${content})shipped\"},\n")
endforeach()
string(APPEND source "  };\n  return files;\n}\n\n}  // namespace stillpoint\n")

set(before "")
if(EXISTS ${STILLPOINT_SHIPPED_SOURCE})
  file(READ ${STILLPOINT_SHIPPED_SOURCE} before)
endif()
if(NOT before STREQUAL source)  # an unchanged file keeps its time stamp, so that nothing is compiled again
  file(WRITE ${STILLPOINT_SHIPPED_SOURCE} "${source}")
endif()
