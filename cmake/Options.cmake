# Sets the flags that every target shares, and uses ccache if it is installed.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths in the source folder count relative to it, so that another clone can reuse the objects.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${launcher})
endif()
message(STATUS "ccache: ${CCACHE}")

set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
add_library(stillpoint_options INTERFACE)
target_include_directories(stillpoint_options INTERFACE ${PROJECT_SOURCE_DIR})

# A library of a layer. The flags are this project's own: another one that links with the library gets the folders of its
# headers, the language and what the layer defines.
function(stillpoint_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  if(PROJECT_IS_TOP_LEVEL)
    target_link_libraries(${target} PUBLIC $<BUILD_INTERFACE:stillpoint_options>)
  else()
    target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:stillpoint_options,INTERFACE_COMPILE_OPTIONS>)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include)
  endif()
endfunction()
# The two -fno flags change no value; without them g++ does not vectorise square roots.
set(host_flags -Wall -Wextra -Wshadow -fno-math-errno -fno-trapping-math)
if(STILLPOINT_WERROR)
  list(APPEND host_flags -Werror)
endif()
if(STILLPOINT_NATIVE)
  list(APPEND host_flags -march=native)
endif()
# A portable build is for processors with AVX2; its core (STILLPOINT_LEVEL in Portable.cmake) also exists for AVX-512.
set(STILLPOINT_PORTABLE OFF)
if(NOT STILLPOINT_NATIVE AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(STILLPOINT_PORTABLE ON)
  set(level $<TARGET_PROPERTY:STILLPOINT_LEVEL>)
  list(APPEND host_flags -march=x86-64-$<IF:$<BOOL:${level}>,${level},v3>)
endif()
# g++ 12 warns about the undefined registers of its own AVX-512 intrinsics (GCC bug 105593) in Eigen, and everywhere below
# -O2.
set(STILLPOINT_FALSE_WARNINGS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(STILLPOINT_FALSE_WARNINGS -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
if(STILLPOINT_SANITIZE)
  # -Og, because -O2 takes several times longer to compile the code that the sanitizers insert. In tests, checks of the types
  # behind virtual calls, most of which are Catch2's, would take a fifth of the time to compile them.
  list(APPEND host_flags -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Og -g1
    -D_GLIBCXX_ASSERTIONS ${STILLPOINT_FALSE_WARNINGS} $<$<BOOL:$<TARGET_PROPERTY:STILLPOINT_IS_TEST>>:-fno-sanitize=vptr>)
  target_link_options(stillpoint_options INTERFACE -fsanitize=address,undefined)
endif()

# Hardens the programs as Debian hardens its own; tests/project/test_hardening.py checks the result. A sanitized program is
# not hardened, and stays where it was linked: relocating what UBSan's reports refer to takes half of a short run.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)
set(hardening -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection)
set(hardened_link -pie -Wl,-z,relro -Wl,-z,now)
if(STILLPOINT_SANITIZE)
  set(hardening -fno-pie)
  set(hardened_link -no-pie)
endif()
foreach(flag ${hardening})
  string(MAKE_C_IDENTIFIER "STILLPOINT_HAS${flag}" has)
  check_cxx_compiler_flag(${flag} ${has})
  if(${has})
    list(APPEND host_flags ${flag})
  endif()
endforeach()
set(is_shared $<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>)
set(is_pic ${is_shared})
if(STILLPOINT_HAS_PYTHON)
  # The module takes the static libraries in. What the flag costs the program is little: the module's names are its own.
  set(is_pic $<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>>)
  target_compile_options(stillpoint_options INTERFACE
    "$<$<AND:$<COMPILE_LANGUAGE:CXX>,${is_pic}>:-fno-semantic-interposition>")
endif()
list(TRANSFORM host_flags REPLACE "^-f(PIE|no-pie)$" "$<IF:${is_pic},-fPIC,-f\\1>")
# The fortified functions need optimisation, and would hide errors from the sanitizers.
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo|MinSizeRel" AND NOT STILLPOINT_SANITIZE AND NOT STILLPOINT_FUZZ)
  list(APPEND host_flags -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
foreach(flag ${hardened_link})
  string(MAKE_C_IDENTIFIER "STILLPOINT_LINKS${flag}" has)
  set(CMAKE_REQUIRED_FLAGS -fPIE)
  check_linker_flag(CXX ${flag} ${has})
  unset(CMAKE_REQUIRED_FLAGS)
  if(${has})
    set(is_linked $<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>)
    if(NOT flag MATCHES "pie$")
      set(is_linked $<OR:${is_linked},${is_shared}>)
    endif()
    target_link_options(stillpoint_options INTERFACE $<${is_linked}:${flag}>)
  endif()
endforeach()
# The loader looks for libraries in the folders they were linked from, unless those are the system's. CMake's search path
# for a build folder ends in an empty element, the current folder; that for an installation does not, and serves both.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

list(JOIN host_flags "," host_flags_for_nvcc)
target_compile_options(stillpoint_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${host_flags};-Wpedantic>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${host_flags_for_nvcc}>")
