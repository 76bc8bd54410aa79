# Builds the layers in one of two forms. Usually they are static libraries, each linked to the one below it. In a portable
# build they are one shared library, compiled twice: for processors with AVX2 and for those with AVX-512. The dynamic
# linker looks into glibc-hwcaps first and loads the one that the processor can run.
set(STILLPOINT_DEVICE_SOURCES)
if(STILLPOINT_HAS_CUDA)
  list(APPEND STILLPOINT_DEVICE_SOURCES ${STILLPOINT_CUDA_SOURCES})
  if(CUB_VERSION)
    list(APPEND STILLPOINT_DEVICE_SOURCES ${STILLPOINT_CUB_SOURCES})
  endif()
  if(TARGET cudnn)
    list(APPEND STILLPOINT_DEVICE_SOURCES ${STILLPOINT_CUDNN_SOURCES})
  endif()
  if(TARGET nccl)
    list(APPEND STILLPOINT_DEVICE_SOURCES ${STILLPOINT_NCCL_SOURCES})
  endif()
else()
  set_source_files_properties(${STILLPOINT_BODY_SOURCES} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
endif()

# Replaces sources by files that include up to six of a folder each, so that headers are read once for all of them. Their
# paths are relative, unlike those of CMake's own unity build, so that ccache knows them in another clone.
function(include_together list)
  set(groups)
  set(files)
  foreach(source ${${list}})
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR ${source} generated)
    if(generated)
      list(APPEND files ${source})
      continue()
    endif()
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${source})
    get_filename_component(folder ${path} DIRECTORY)
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    math(EXPR group "0${count_${folder}} / 6")
    math(EXPR count_${folder} "0${count_${folder}} + 1")
    list(APPEND groups ${folder}_${group})
    string(APPEND text_${folder}_${group} "#include \"${path}\"\n")
  endforeach()
  list(REMOVE_DUPLICATES groups)
  foreach(group ${groups})
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/together/${group}.cpp CONTENT "${text_${group}}" @ONLY)
    list(APPEND files ${PROJECT_BINARY_DIR}/together/${group}.cpp)
  endforeach()
  set(${list} ${files} PARENT_SCOPE)
endfunction()

# Makes PREFIX_LAYER. STILLPOINT_LAYER_SOURCES do not depend on the device, so they are compiled once, for the library and
# for its emulated twin; further arguments are the sources that do.
function(add_stillpoint_layer prefix layer)
  set(objects stillpoint_${layer}_objects)
  if(NOT TARGET ${objects})
    set(sources ${STILLPOINT_${layer}_SOURCES})
    if(STILLPOINT_UNITY AND NOT layer MATCHES "kernels|solvers")  # whose own templates take the time
      include_together(sources)
    endif()
    add_library(${objects} OBJECT ${sources})
    stillpoint_layer_settings(${objects} ${layer})
  endif()
  add_library(${prefix}_${layer} STATIC $<TARGET_OBJECTS:${objects}> ${ARGN})
  stillpoint_layer_settings(${prefix}_${layer} ${layer})
endfunction()

# Makes PREFIX_kernels, PREFIX_engine, PREFIX_solvers and PREFIX_models. Further arguments are more sources of kernels.
function(add_stillpoint_layers prefix)
  add_stillpoint_layer(${prefix} kernels ${STILLPOINT_DISPATCH_SOURCES} ${STILLPOINT_BODY_SOURCES} ${ARGN})
  set(below ${prefix}_kernels)
  foreach(layer engine solvers models)
    add_stillpoint_layer(${prefix} ${layer})
    target_link_libraries(${prefix}_${layer} PUBLIC ${below})
    set(below ${prefix}_${layer})
  endforeach()
endfunction()

# Makes PREFIX_cases, the table of op cases, and PREFIX_tasks on top of the layers PREFIX_*.
function(add_stillpoint_tasks prefix)
  add_stillpoint_layer(${prefix} cases)
  target_link_libraries(${prefix}_cases PUBLIC ${prefix}_engine)
  add_stillpoint_layer(${prefix} tasks ${PROJECT_SOURCE_DIR}/tasks/selftest/info.cpp
    ${PROJECT_SOURCE_DIR}/tasks/bench/gpu/emulated.cpp)
  target_link_libraries(${prefix}_tasks PUBLIC ${prefix}_models ${prefix}_cases)
endfunction()

# Each library binds its inline functions and calls to itself, because the program's copies are compiled for AVX2.
function(add_portable_core target level folder)
  add_library(${target} SHARED ${STILLPOINT_kernels_SOURCES} ${STILLPOINT_DISPATCH_SOURCES} ${STILLPOINT_BODY_SOURCES}
    ${STILLPOINT_engine_SOURCES} ${STILLPOINT_solvers_SOURCES} ${STILLPOINT_models_SOURCES})
  stillpoint_layer_settings(${target} models)
  set_target_properties(${target} PROPERTIES STILLPOINT_LEVEL ${level} OUTPUT_NAME stillpoint_core INSTALL_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
  target_compile_definitions(${target} PRIVATE STILLPOINT_LEVEL="x86-64-${level}")
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden;-fno-semantic-interposition>")
  target_link_options(${target} PRIVATE -Wl,-Bsymbolic-functions)
  install(TARGETS ${target} LIBRARY DESTINATION ${folder})
endfunction()

# With CUDA the GPU does the work, so the host code is compiled only once, for AVX2.
if(NOT STILLPOINT_PORTABLE OR STILLPOINT_HAS_CUDA)
  add_stillpoint_layers(stillpoint ${STILLPOINT_DEVICE_SOURCES})
  if(STILLPOINT_HAS_CUDA)
    stillpoint_cuda_settings(stillpoint_kernels)
  endif()
  return()
endif()

# The build folder has the layout of an installation.
set(folder lib/stillpoint)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${folder}")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH OFF)  # a package takes the system's libraries
add_portable_core(stillpoint_core v3 ${folder})
add_portable_core(stillpoint_core_v4 v4 ${folder}/glibc-hwcaps/x86-64-v4)
add_dependencies(stillpoint_core stillpoint_core_v4)
foreach(layer kernels engine solvers models)
  add_library(stillpoint_${layer} INTERFACE)
  target_link_libraries(stillpoint_${layer} INTERFACE stillpoint_core)
endforeach()

# `cpack` in the build folder writes both packages.
install(FILES LICENSE DESTINATION share/doc/stillpoint RENAME copyright)
install(FILES README.md DESTINATION share/doc/stillpoint)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGE_CONTACT "the Stillpoint authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "deep learning with stable invariant and equilibrium models")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A program that trains models which are defined by where their dynamics
settle: stable invariant models, deep equilibrium models, monotone
operator networks. It runs on processors with AVX2, and uses AVX-512
and bf16 if they are available.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/${folder})
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "openmpi-bin, python3-venv")
include(CPack)
