# CMake's module of this name for projects that simt++ compiles: each library of the toolkit is part of libsimt.
get_filename_component(simt_prefix ${CMAKE_CURRENT_LIST_DIR}/../../../.. ABSOLUTE)
set(CUDAToolkit_FOUND TRUE)
set(CUDAToolkit_VERSION 13.0.0)
set(CUDAToolkit_VERSION_MAJOR 13)
set(CUDAToolkit_VERSION_MINOR 0)
set(CUDAToolkit_BIN_DIR ${simt_prefix}/bin)
set(CUDAToolkit_NVCC_EXECUTABLE ${simt_prefix}/bin/simt++)
set(CUDAToolkit_INCLUDE_DIRS)  # simt++ knows its own
set(CUDAToolkit_LIBRARY_DIR)
foreach(library cudart cudart_static cuda_driver cublas cublas_static cublasLt cublasLt_static cudnn nccl curand
    curand_static cufft cufft_static cusolver cusolver_static cusparse nvToolsExt nvtx3 cudadevrt toolkit)
  if(NOT TARGET CUDA::${library})
    add_library(CUDA::${library} INTERFACE IMPORTED)
  endif()
endforeach()
