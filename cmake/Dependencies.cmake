# Finds every library, says what was found, and stops with a clear line where a required one is missing.
function(report name found detail)
  if(found)
    message(STATUS "${name}: found ${detail}")
  else()
    message(STATUS "${name}: not found; ${detail}")
  endif()
endfunction()

function(require_package name found package)
  if(NOT found)
    message(FATAL_ERROR "${name} is required and was not found; install it (Debian and Ubuntu: ${package})")
  endif()
  message(STATUS "${name}: found")
endfunction()

find_package(OpenMP COMPONENTS CXX)
require_package(OpenMP "${OpenMP_CXX_FOUND}" "g++")
find_package(nlohmann_json QUIET)
require_package(nlohmann_json "${nlohmann_json_FOUND}" "nlohmann-json3-dev")
find_package(CLI11 QUIET)
require_package(CLI11 "${CLI11_FOUND}" "libcli11-dev")
find_package(Eigen3 QUIET NO_MODULE)
require_package(Eigen "${Eigen3_FOUND}" "libeigen3-dev")
find_package(PNG QUIET)
require_package(libpng "${PNG_FOUND}" "libpng-dev")
find_package(JPEG QUIET)
require_package(libjpeg "${JPEG_FOUND}" "libjpeg-dev")

# Not through oneDNN's own package file: Debian's stops where OpenCL's headers are missing, which nothing here needs.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl_version.h)
find_library(ONEDNN_LIBRARY dnnl)
mark_as_advanced(ONEDNN_INCLUDE_DIR ONEDNN_LIBRARY)
if(ONEDNN_INCLUDE_DIR AND ONEDNN_LIBRARY)
  file(STRINGS ${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h onednn_version REGEX "_VERSION_(MAJOR|MINOR|PATCH) +[0-9]")
  list(TRANSFORM onednn_version REPLACE "[^0-9]" "")
  list(JOIN onednn_version "." onednn_version)
  report(oneDNN ON "${onednn_version}")
  add_library(onednn UNKNOWN IMPORTED)
  set_target_properties(onednn PROPERTIES
    IMPORTED_LOCATION ${ONEDNN_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${ONEDNN_INCLUDE_DIR})
else()
  report(oneDNN OFF "the project's own matrix product is used (Debian and Ubuntu: libdnnl-dev)")
endif()

set(STILLPOINT_HAS_TESTS OFF)
if(NOT STILLPOINT_TESTS STREQUAL "OFF")
  find_package(Catch2 3 QUIET)
  if(NOT Catch2_FOUND)
    find_package(Catch2 2 QUIET)
  endif()
  if(Catch2_FOUND)
    set(STILLPOINT_HAS_TESTS ON)
    report(Catch2 ON "${Catch2_VERSION}")
  elseif(STILLPOINT_TESTS STREQUAL "ON")
    require_package(Catch2 OFF "catch2")
  else()
    report(Catch2 OFF "the tests are not built (Debian and Ubuntu: catch2)")
  endif()
endif()

set(STILLPOINT_HAS_CUDA OFF)
if(NOT STILLPOINT_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      # 90 with PTX: later GPUs compile it at first use. Code for sm_100, which nvcc knows from 12.8 on, would add half to
      # the time of every build.
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit QUIET)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.4 AND TARGET CUDA::cublas)
      set(STILLPOINT_HAS_CUDA ON)
      set(CMAKE_CUDA_STANDARD 20)
      if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know nvcc's flags for C++20
        set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
        set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
      endif()
    endif()
  endif()
  if(STILLPOINT_CUDA STREQUAL "ON" AND NOT STILLPOINT_HAS_CUDA)
    message(FATAL_ERROR "STILLPOINT_CUDA=ON, but no nvcc >= 12.4 with cuBLAS was found; "
      "put nvcc on PATH or set CMAKE_CUDA_COMPILER")
  endif()
endif()
report(CUDA "${STILLPOINT_HAS_CUDA}" "${CMAKE_CUDA_COMPILER_VERSION}")

# Settings of the library that holds kernels, engine, solvers and models; also used for its emulated twin.
function(stillpoint_core_settings target)
  # g++ 12 takes the undefined registers of its own AVX-512 intrinsics in Eigen for a mistake (GCC bug 105593).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/solvers/spectrum.cpp ${CMAKE_SOURCE_DIR}/solvers/principal_basis.cpp
      PROPERTIES COMPILE_OPTIONS "-Wno-maybe-uninitialized")
  endif()
  target_link_libraries(${target} PUBLIC stillpoint_options OpenMP::OpenMP_CXX nlohmann_json::nlohmann_json
    Eigen3::Eigen)
  if(TARGET onednn)
    target_link_libraries(${target} PUBLIC onednn)
    target_compile_definitions(${target} PUBLIC STILLPOINT_ONEDNN=1)
  endif()
endfunction()

function(stillpoint_cuda_settings target)
  target_compile_definitions(${target} PUBLIC STILLPOINT_CUDA=1)
  target_link_libraries(${target} PUBLIC CUDA::cudart CUDA::cublas CUDA::cublasLt)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-Xcompiler=-fopenmp;-Xptxas=-warn-spills>"
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${STILLPOINT_WERROR}>>:-Werror=all-warnings>")
endfunction()

function(stillpoint_task_settings target core)
  target_link_libraries(${target} PUBLIC ${core} CLI11::CLI11 PNG::PNG JPEG::JPEG)
  target_compile_definitions(${target} PRIVATE
    STILLPOINT_VERSION="${PROJECT_VERSION}"
    STILLPOINT_PRESETS="${CMAKE_SOURCE_DIR}/tasks/presets"
    STILLPOINT_PRESETS_INSTALLED="${CMAKE_INSTALL_PREFIX}/share/stillpoint/presets")
endfunction()
