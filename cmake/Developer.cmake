# Targets for those who change the project. `tidy` runs clang-tidy over what differs from main. `reference` makes the API
# reference of the public headers with Doxygen, whose warnings are errors. The sources have plain `//` comments;
# cmake/reference.sed makes them Doxygen's.
find_package(Python3 QUIET COMPONENTS Interpreter)
if(CMAKE_EXPORT_COMPILE_COMMANDS AND Python3_FOUND)
  add_custom_target(tidy COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/tidy.py USES_TERMINAL VERBATIM)
endif()

find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  report(Doxygen OFF "there is no target `reference` (Debian and Ubuntu: doxygen)")
  return()
endif()
report(Doxygen ON "${DOXYGEN_VERSION}")
file(GLOB_RECURSE reference_headers CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/engine/*.h ${PROJECT_SOURCE_DIR}/solvers/*.h ${PROJECT_SOURCE_DIR}/models/*.h
  ${PROJECT_SOURCE_DIR}/tasks/training/task.h)
list(FILTER reference_headers EXCLUDE REGEX "/engine/(cases|ops)/")
set(DOXYGEN_PROJECT_NAME Stillpoint)
set(DOXYGEN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/reference)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR})
set(DOXYGEN_INPUT_FILTER "sed -E -f ${PROJECT_SOURCE_DIR}/cmake/reference.sed")
set(DOXYGEN_FILTER_SOURCE_FILES YES)
set(DOXYGEN_SOURCE_BROWSER YES)
set(DOXYGEN_EXTRACT_ALL YES)
set(DOXYGEN_MARKDOWN_SUPPORT NO)  # * and _ are mathematics
set(DOXYGEN_AUTOLINK_SUPPORT NO)
set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
set(DOXYGEN_GENERATE_LATEX NO)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
doxygen_add_docs(reference ${reference_headers})
