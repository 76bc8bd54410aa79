# Writes what simt++ has to know beside it: where headers and the library are, and the flags of kernels.
function(json_list name)  # a CMake list as a JSON list
  set(text)
  foreach(item IN LISTS ARGN)
    string(REPLACE "\\" "\\\\" item "${item}")
    string(REPLACE "\"" "\\\"" item "${item}")
    string(APPEND text "${text_separator}\"${item}\"")
    set(text_separator ", ")
  endforeach()
  set(${name} "[${text}]" PARENT_SCOPE)
endfunction()

# Writes FILE for headers below the folder `include`, the library in the folder `library`, and the folder `toolkit`, which
# CMake takes for CUDA's.
function(write_simt_json file include cccl forwards library toolkit)
  set(folders ${include} ${forwards})
  set(definitions)
  if(watched)
    list(APPEND definitions SIMT_WATCHED=1 ${definitions_of_programs})
    list(APPEND watched ${of_programs})
  endif()
  set(system)
  if(STILLPOINT_EMULATES_CUB)
    set(folders ${include} ${cccl} ${forwards})
    set(system ${CUB_INCLUDE_DIR})
    list(APPEND definitions SIMT_CUB=1 ${simt_cub_definitions})
  endif()
  set(link ${library})
  if(MPI_CXX_FOUND)
    list(APPEND link ${MPI_CXX_LIBRARIES})
  endif()
  list(APPEND link -pthread)
  json_list(folders ${folders})
  json_list(system ${system})
  json_list(definitions ${definitions})
  json_list(watched ${watched})
  json_list(cub ${with_cub})
  json_list(link ${link})
  file(GENERATE OUTPUT ${file} CONTENT "{\"cxx\": \"${CMAKE_CXX_COMPILER}\",\n \"include\": ${folders},\n \"system\": ${system},\n \"definitions\": ${definitions},\n \"watched\": ${watched},\n \"cub\": ${cub},\n \"toolkit\": \"${toolkit}\",\n \"link\": ${link}}\n")
endfunction()

# Headers that are cuda_runtime.h here. Their own ones, of a toolkit that is installed, declare the same names otherwise.
set(simt_forwards ${simt_BINARY_DIR}/forwards)
foreach(header builtin_types channel_descriptor cuda_device_runtime_api cuda_profiler_api cuda_runtime_api device_atomic_functions
    device_functions device_launch_parameters device_types driver_types host_config host_defines math_functions
    sm_20_intrinsics sm_30_intrinsics sm_32_intrinsics texture_types surface_types vector_functions vector_types)
  file(CONFIGURE OUTPUT ${simt_forwards}/${header}.h CONTENT "#pragma once\n#include <cuda_runtime.h>\n")
endforeach()

# A folder with headers and empty libraries, in which CMake's own FindCUDAToolkit finds what it looks for.
set(simt_toolkit ${simt_BINARY_DIR}/toolkit/simt)
foreach(library cuda cudart cudart_static cudadevrt cublas cublasLt cufft curand cusolver nvToolsExt)
  file(WRITE ${simt_toolkit}/lib64/lib${library}.a "!<arch>\n")
endforeach()
file(CREATE_LINK ${simt_SOURCE_DIR}/include ${simt_toolkit}/include SYMBOLIC)

set(simt_bin ${simt_BINARY_DIR}/bin)
file(GLOB tools RELATIVE ${simt_SOURCE_DIR}/driver CONFIGURE_DEPENDS driver/simt++ driver/simt-run driver/simt_driver/*.py)
foreach(tool IN LISTS tools)
  configure_file(driver/${tool} ${simt_bin}/${tool} COPYONLY)
endforeach()
write_simt_json(${simt_bin}/simt.json ${simt_SOURCE_DIR}/include ${simt_SOURCE_DIR}/cccl ${simt_forwards}
  $<TARGET_FILE:simt> ${simt_toolkit})
file(COPY cmake/toolchain.cmake cmake/modules DESTINATION ${simt_BINARY_DIR}/lib/cmake/simt)
