# What other projects use: the targets Stillpoint::kernels, engine, solvers, models and tasks, by find_package after
# `cmake --install`, or by add_subdirectory and FetchContent. `#include <stillpoint/engine.h>` is a layer's umbrella; inside
# it, headers include each other as they do here.
set(layers kernels engine solvers models tasks)
foreach(layer ${layers})
  add_library(Stillpoint::${layer} ALIAS stillpoint_${layer})
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/stillpoint/${layer}.h
    CONTENT "// The layer's umbrella.\n#include \"${layer}/${layer}.h\"\n")
endforeach()

# A portable build is for packages of the program, and its core is compiled twice.
if(NOT STILLPOINT_INSTALL OR TARGET stillpoint_core)
  return()
endif()
foreach(layer ${layers} cases)
  set_target_properties(stillpoint_${layer} PROPERTIES EXPORT_NAME ${layer})
  install(TARGETS stillpoint_${layer} EXPORT Stillpoint ARCHIVE DESTINATION lib
    INCLUDES DESTINATION include include/stillpoint)
  if(NOT layer STREQUAL "cases")
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${layer} DESTINATION include/stillpoint FILES_MATCHING PATTERN "*.h"
      PATTERN cases EXCLUDE PATTERN python EXCLUDE)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/stillpoint DESTINATION include)

# What the libraries were linked with is found again where they are used: packages by their own names, and libraries that
# have no package file of theirs by their paths.
set(STILLPOINT_FOUND_AGAIN "nlohmann_json" "Threads" "ZLIB" "PNG" "JPEG" "OpenMP COMPONENTS CXX")
if(LibArchive_FOUND)
  list(APPEND STILLPOINT_FOUND_AGAIN "LibArchive")
endif()
if(MPI_CXX_FOUND)
  list(APPEND STILLPOINT_FOUND_AGAIN "MPI COMPONENTS CXX")
endif()
set(STILLPOINT_IMPORTED)
foreach(library onednn cudnn nccl CUDA::cudart CUDA::cublas CUDA::cublasLt)
  if(TARGET ${library})
    get_target_property(path ${library} IMPORTED_LOCATION)
    get_target_property(headers ${library} INTERFACE_INCLUDE_DIRECTORIES)
    string(APPEND STILLPOINT_IMPORTED "stillpoint_import(${library} \"${path}\" \"${headers}\")\n")
  endif()
endforeach()
include(CMakePackageConfigHelpers)
configure_file(${PROJECT_SOURCE_DIR}/cmake/StillpointConfig.cmake.in ${PROJECT_BINARY_DIR}/StillpointConfig.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/StillpointConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/StillpointConfig.cmake ${PROJECT_BINARY_DIR}/StillpointConfigVersion.cmake
  DESTINATION lib/cmake/Stillpoint)
install(EXPORT Stillpoint NAMESPACE Stillpoint:: FILE StillpointTargets.cmake DESTINATION lib/cmake/Stillpoint)
