# Source lists by role: bodies compile on every device, the other .cu files with CUDA or its emulator alone, some of them
# only where cuDNN or NCCL is as well.
file(GLOB_RECURSE STILLPOINT_CORE_SOURCES CONFIGURE_DEPENDS
  kernels/*.cpp engine/*.cpp solvers/*.cpp models/*.cpp)
set(bodies adam batch_norm conv1d conv2d conv2d_bias elementwise embedding history layer_norm lift max_pool mse
  random reversible_step root_state softmax softmax_xent spectral splitting strided)
list(TRANSFORM bodies REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/kernels/\\1.cu" OUTPUT_VARIABLE STILLPOINT_BODY_SOURCES)
file(GLOB STILLPOINT_CUDA_SOURCES CONFIGURE_DEPENDS kernels/*.cu)
set(STILLPOINT_CUDNN_SOURCES ${CMAKE_SOURCE_DIR}/kernels/conv2d_cuda.cu ${CMAKE_SOURCE_DIR}/kernels/conv2d_plan_cuda.cu)
set(STILLPOINT_NCCL_SOURCES ${CMAKE_SOURCE_DIR}/kernels/nccl_sums.cu)
list(REMOVE_ITEM STILLPOINT_CUDA_SOURCES ${STILLPOINT_BODY_SOURCES} ${STILLPOINT_CUDNN_SOURCES} ${STILLPOINT_NCCL_SOURCES})
file(GLOB_RECURSE STILLPOINT_TASK_SOURCES CONFIGURE_DEPENDS tasks/*.cpp)
list(REMOVE_ITEM STILLPOINT_TASK_SOURCES ${CMAKE_SOURCE_DIR}/tasks/main.cpp ${CMAKE_SOURCE_DIR}/tasks/before_main.cpp)
include(Shipped)
list(APPEND STILLPOINT_TASK_SOURCES ${STILLPOINT_SHIPPED_SOURCE})
