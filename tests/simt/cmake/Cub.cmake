# Finds CUB, which comes with a CUDA toolkit or with pip's nvidia-cuda-cccl, for CUDA programs and for the emulator.
# Sets CUB_INCLUDE_DIR, CUB_VERSION and STILLPOINT_EMULATES_CUB.
find_path(CUB_INCLUDE_DIR cub/device/device_radix_sort.cuh
  HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${CUDAToolkit_INCLUDE_DIRS} ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda
  ${wheels} PATH_SUFFIXES include/cccl cccl include)
mark_as_advanced(CUB_INCLUDE_DIR)
set(CUB_VERSION)
set(STILLPOINT_EMULATES_CUB OFF)  # the emulator replaces parts of the insides of these versions
if(CUB_INCLUDE_DIR)
  file(STRINGS ${CUB_INCLUDE_DIR}/cub/version.cuh cub_code REGEX "define CUB_VERSION +[0-9]+")
  string(REGEX REPLACE ".*CUB_VERSION +([0-9]+).*" "\\1" cub_code "${cub_code}")  # 100000 major + 100 minor + patch
  math(EXPR cub_major "${cub_code} / 100000")
  math(EXPR cub_minor "${cub_code} / 100 % 1000")
  set(CUB_VERSION ${cub_major}.${cub_minor})
  if(CUB_VERSION VERSION_GREATER_EQUAL 3.0 AND CUB_VERSION VERSION_LESS 3.2)
    set(STILLPOINT_EMULATES_CUB ON)
  endif()
endif()
