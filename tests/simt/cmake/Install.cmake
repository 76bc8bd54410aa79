# `cmake --install`: libsimt, its headers, simt++, simt-run, and find_package(simt).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(room lib/simt)  # below the prefix; reports leave out frames of simt/include
set(with_mpi 0)
if(MPI_CXX_FOUND)
  set(with_mpi 1)
endif()
install(TARGETS simt simt_kernels EXPORT simt-targets ARCHIVE DESTINATION lib)
install(DIRECTORY include cccl DESTINATION ${room})
install(DIRECTORY driver/simt_driver DESTINATION ${room} FILES_MATCHING PATTERN *.py)
install(DIRECTORY ${simt_forwards} DESTINATION ${room})
install(PROGRAMS driver/simt++ driver/simt-run DESTINATION ${CMAKE_INSTALL_BINDIR})
write_simt_json(${simt_BINARY_DIR}/installed/simt.json @PREFIX@/${room}/include @PREFIX@/${room}/cccl @PREFIX@/${room}/forwards
  @PREFIX@/lib/$<TARGET_FILE_NAME:simt> @PREFIX@/${room})
install(DIRECTORY ${simt_toolkit}/lib64 DESTINATION ${room})
install(FILES ${simt_BINARY_DIR}/installed/simt.json DESTINATION ${room})
set_target_properties(simt_kernels PROPERTIES EXPORT_NAME kernels)
install(FILES driver/simt-gdb.py DESTINATION share/simt)
install(EXPORT simt-targets NAMESPACE simt:: DESTINATION lib/cmake/simt)
configure_package_config_file(cmake/simt-config.cmake.in ${simt_BINARY_DIR}/simt-config.cmake
  INSTALL_DESTINATION lib/cmake/simt PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${simt_BINARY_DIR}/simt-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${simt_BINARY_DIR}/simt-config.cmake ${simt_BINARY_DIR}/simt-config-version.cmake cmake/toolchain.cmake
  DESTINATION lib/cmake/simt)
install(DIRECTORY cmake/modules DESTINATION lib/cmake/simt)
