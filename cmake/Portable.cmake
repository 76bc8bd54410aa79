# The core library in its two shapes. It is part of the program, compiled as everything else is; or, in a portable build, a
# shared library that is compiled twice, for processors with AVX2 and for those with AVX-512: the dynamic linker looks into
# glibc-hwcaps first and loads the one that the processor can run.
function(add_stillpoint_core target kind)
  add_library(${target} ${kind} ${STILLPOINT_CORE_SOURCES} ${STILLPOINT_BODY_SOURCES})
  stillpoint_core_settings(${target})
  if(STILLPOINT_HAS_CUDA)
    target_sources(${target} PRIVATE ${STILLPOINT_CUDA_SOURCES})
    if(TARGET cudnn)
      target_sources(${target} PRIVATE ${STILLPOINT_CUDNN_SOURCES})
    endif()
    if(TARGET nccl)
      target_sources(${target} PRIVATE ${STILLPOINT_NCCL_SOURCES})
    endif()
    stillpoint_cuda_settings(${target})
  else()
    set_source_files_properties(${STILLPOINT_BODY_SOURCES} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  endif()
endfunction()

# Each library keeps its inline functions and its calls to itself: those of the program are compiled for AVX2.
function(add_portable_core target level folder)
  add_stillpoint_core(${target} SHARED)
  set_target_properties(${target} PROPERTIES STILLPOINT_LEVEL ${level} OUTPUT_NAME stillpoint_core INSTALL_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
  target_compile_definitions(${target} PRIVATE STILLPOINT_LEVEL="x86-64-${level}")
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden;-fno-semantic-interposition>")
  target_link_options(${target} PRIVATE -Wl,-Bsymbolic-functions)
  install(TARGETS ${target} LIBRARY DESTINATION ${folder})
endfunction()

# With CUDA the work is the GPU's: its code is compiled once, beside host code for AVX2.
if(NOT STILLPOINT_PORTABLE OR STILLPOINT_HAS_CUDA)
  add_stillpoint_core(stillpoint_core STATIC)
  return()
endif()

# The build folder is laid out as an installation.
set(folder lib/stillpoint)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${folder}")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH OFF)  # a package takes the system's libraries
add_portable_core(stillpoint_core v3 ${folder})
add_portable_core(stillpoint_core_v4 v4 ${folder}/glibc-hwcaps/x86-64-v4)
add_dependencies(stillpoint_core stillpoint_core_v4)

# `cpack` in the build folder writes both packages.
install(FILES LICENSE DESTINATION share/doc/stillpoint RENAME copyright)
install(FILES README.md DESTINATION share/doc/stillpoint)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGE_CONTACT "the Stillpoint authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "deep learning with stable invariant and equilibrium models")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A program that trains models which are defined by where their dynamics
settle: stable invariant models, deep equilibrium models, monotone
operator networks. It runs on processors with AVX2, and takes AVX-512
and bf16 where they are.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/${folder})
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gnuplot-nox)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "openmpi-bin, python3-venv")
include(CPack)
