# A toolchain file that makes simt++ the compiler of a CMake project with CUDA:
#   cmake -DCMAKE_TOOLCHAIN_FILE=PREFIX/lib/cmake/simt/toolchain.cmake ...
# CMake would ask the compiler about a GPU toolkit, so the answers are given here.
get_filename_component(simt_prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
set(simt_compiler ${simt_prefix}/bin/simt++)
set(CMAKE_CXX_COMPILER ${simt_compiler})  # inline functions have to be watched in C++ sources, too
set(CMAKE_CUDA_COMPILER ${simt_compiler})
set(CMAKE_CUDA_HOST_COMPILER ${simt_compiler})
set(CMAKE_CUDA_HOST_LINK_LAUNCHER ${simt_compiler})
set(CMAKE_CUDA_COMPILER_ID_RUN TRUE)
set(CMAKE_CUDA_COMPILER_FORCED TRUE)
set(CMAKE_CUDA_COMPILER_WORKS TRUE)
set(CMAKE_CUDA_COMPILER_ID NVIDIA)
set(CMAKE_CUDA_COMPILER_VERSION 13.0)
set(CMAKE_CUDA_COMPILER_TOOLKIT_VERSION 13.0)
set(CMAKE_CUDA_COMPILER_TOOLKIT_ROOT ${simt_prefix})
set(CMAKE_CUDA_COMPILER_LIBRARY_ROOT ${simt_prefix})
# CMake reads the compiler that links, the libraries and the architecture in what nvcc prints about a compilation.
set(CMAKE_CUDA_COMPILER_PRODUCED_OUTPUT "#$ PATH=${simt_prefix}/bin
#$ LIBRARIES=-L${simt_prefix}/lib
#$ simt -arch compute_90
#$ ${simt_compiler} a.o -L${simt_prefix}/lib
")
set(CMAKE_CUDA_STANDARD_COMPUTED_DEFAULT 20)
set(CMAKE_CUDA_EXTENSIONS_COMPUTED_DEFAULT ON)
foreach(year 03 11 14 17 20)
  set(CMAKE_CUDA${year}_COMPILE_FEATURES cuda_std_${year})
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_${year})
endforeach()
set(CMAKE_CUDA_SIZEOF_DATA_PTR 8)
set(CMAKE_CUDA_COMPILER_ABI ELF)
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
set(CMAKE_CUDA_RUNTIME_LIBRARY_DEFAULT None)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 90)
endif()
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/modules)
