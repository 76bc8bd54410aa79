#!/usr/bin/env bash
# Sets up a fresh Debian or Ubuntu machine, builds, and runs the main job or the tests.
#
#   cmake/dev.sh run [ARGUMENTS OF stillpoint]   default: train copy-memory --preset quick
#   cmake/dev.sh test                            the tests, on the CPU and on the SIMT emulator, then again sanitized, and
#                                                the fuzz targets for three seconds each
#   cmake/dev.sh build                           packages, Optuna and program only
#   cmake/dev.sh wheel                           the Python package for this machine, tested in an environment of its own
#   cmake/dev.sh tidy [--all | COMMIT]           clang-tidy over what differs from main or COMMIT, or over all
#   cmake/dev.sh package                         a tested .deb and .tar.gz for any processor with AVX2
#   cmake/dev.sh speed [OPTIONS OF bench/speed_tables.py]   measures the tables of docs/results.md beside PyTorch and JAX
#   cmake/dev.sh gpu [FOLDER] [OPTIONS OF bench/gpu_hour.py]   the first hour on a GPU: checks and times, in FOLDER/summary.md
#   cmake/dev.sh pack [OPTIONS OF bench/gpu_pack.py]  packs the same, to carry it to a machine without a network
set -euo pipefail
cd "$(dirname "$0")/.."

required=(g++ cmake ninja-build nlohmann-json3-dev libeigen3-dev libcli11-dev libpng-dev libjpeg-dev zlib1g-dev)
for_tests=(catch2)
for_fuzzing=(clang libclang-rt-dev)
for_optuna=(python3 python3-venv)
for_wheel=(python3 python3-dev python3-venv)
for_packages=(dpkg-dev file python3)
for_tidy=(clang-tidy)
for_style=(clang-format-14 doxygen)
optional=(ccache elfutils libdnnl-dev libarchive-dev libmatio-dev libopenmpi-dev openmpi-bin)

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

install_packages() {
  command -v dpkg-query >/dev/null || { echo "dev.sh: no dpkg here; install by hand: $*" >&2; return; }
  local missing=()
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  for package in "${missing[@]}"; do
    if ! DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$package" >/dev/null; then
      case " ${optional[*]} ${for_fuzzing[*]} ${for_optuna[*]} ${for_style[*]} " in
        *" $package "*) echo "dev.sh: $package could not be installed; continuing without it" ;;
        *) echo "dev.sh: $package could not be installed, and is required" >&2; exit 1 ;;
      esac
    fi
  done
}

# Installs Optuna from PyPI, which `stillpoint tune` runs, into a Python of the build folder, where the program finds it.
python=()
find_optuna() {
  local folder=$PWD/build/python
  if ! compgen -G "$folder/lib/python3*/site-packages/psycopg2" >/dev/null; then
    install_packages "${for_optuna[@]}"
    if ! { python3 -m venv "$folder" && "$folder/bin/pip" install --quiet 'optuna>=4,<6' psycopg2-binary; }; then
      echo "dev.sh: Optuna could not be installed; continuing without it. \`stillpoint tune\` will report what it needs"
      return
    fi
  fi
  python=("-DPython3_EXECUTABLE=$folder/bin/python3")
}

# CUB's headers from PyPI, for the emulator, if there is no CUDA toolkit.
find_cub() {
  local folder=$PWD/build/python
  [ -x "$folder/bin/pip" ] && ! command -v nvcc >/dev/null && [ ! -e /usr/local/cuda ] || return 0
  "$folder/bin/pip" install --quiet 'nvidia-cuda-cccl==13.0.*' ||
    echo "dev.sh: CUB could not be installed; continuing without it, the emulated tests leave its kernels out"
}

build() {  # preset, targets...
  local preset=$1
  shift
  cmake --preset "$preset" "${python[@]}"
  cmake --build "build/$preset" ${1:+--target "$@"}
}

can_fuzz() {
  local program
  program=$(mktemp)
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer,address - -o "$program" 2>/dev/null
  local code=$?
  rm -f "$program"
  return $code
}

command=${1:-run}
[ $# -gt 0 ] && shift
case "$command" in
  build)
    install_packages "${required[@]}" "${optional[@]}"
    find_optuna
    build release stillpoint ;;
  run)
    install_packages "${required[@]}" "${optional[@]}"
    case "${1:-}" in tune | reproduce) find_optuna ;; esac
    build release stillpoint
    [ $# -gt 0 ] || set -- train copy-memory --preset quick
    exec build/release/stillpoint "$@" ;;
  package)
    [ "$(uname -m)" = x86_64 ] || { echo "dev.sh: packages are for x86-64, this machine is $(uname -m)" >&2; exit 1; }
    install_packages "${required[@]}" "${optional[@]}" "${for_packages[@]}"
    build portable stillpoint
    rm -rf build/portable/packages
    (cd build/portable && cpack)
    rm -r build/portable/packages/_CPack_Packages
    python3 tests/project/test_hardening.py "$PWD/build/portable" "$PWD/build/portable/bin/stillpoint" g++
    python3 tests/project/test_package.py build/portable/packages/*.tar.gz
    echo "The packages:"
    ls -sh "$PWD"/build/portable/packages/* ;;
  wheel)
    install_packages "${required[@]}" "${optional[@]}" "${for_wheel[@]}"
    rm -rf build/wheels build/wheel_python
    python3 -m venv build/wheel_python
    build/wheel_python/bin/pip install --quiet pytest
    build/wheel_python/bin/pip wheel --no-deps --wheel-dir build/wheels .
    build/wheel_python/bin/pip install --quiet build/wheels/*.whl
    build/wheel_python/bin/python3 -m pytest -q tests/python
    ls -sh build/wheels ;;
  tidy)
    install_packages "${required[@]}" "${for_tests[@]}" "${for_tidy[@]}" "${optional[@]}"
    case " $* " in *" --all "*) together=ON ;; *) together=OFF ;; esac
    cmake --preset tidy -DSTILLPOINT_UNITY=$together
    exec python3 cmake/tidy.py "$@" ;;
  speed)
    install_packages "${required[@]}" "${optional[@]}" "${for_optuna[@]}"
    build release stillpoint
    peers=$PWD/build/peers
    [ -x "$peers/bin/pip" ] || python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet 'torch>=2.7' 'jax>=0.4.30' torchdeq numpy safetensors
    exec python3 bench/speed_tables.py --program build/release/stillpoint --python "$peers/bin/python3" "$@" ;;
  gpu)
    exec python3 bench/gpu_hour.py "$@" ;;
  pack)
    # matio is left out, because the libraries that it needs are larger than all others together.
    cmake --preset gpu -B build/pack -DSTILLPOINT_NATIVE=OFF -DMATIO_LIBRARY= "-DCMAKE_CUDA_ARCHITECTURES=80-real;90-real;100-real"
    cmake --build build/pack --target stillpoint test_cuda test_cuda_tasks
    exec python3 bench/gpu_pack.py --build build/pack "$@" ;;
  test)
    install_packages "${required[@]}" "${for_tests[@]}" "${for_fuzzing[@]}" "${for_style[@]}" "${optional[@]}"
    find_optuna
    find_cub
    for preset in no-cuda sanitize; do
      build "$preset"
      ctest --preset "$preset" -j"$(($(nproc) + 1))"  # some tests wait more than they compute
    done
    if can_fuzz; then
      build fuzz
      ctest --preset fuzz -j"$(nproc)"
    else
      echo "dev.sh: no clang++ with libFuzzer; continuing without the fuzz targets"
    fi ;;
  *)
    echo "dev.sh: given '$command', expected build, gpu, pack, package, run, speed, test, tidy or wheel" >&2
    exit 2 ;;
esac
