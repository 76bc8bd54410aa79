"""Packs what `bench/gpu_hour.py` needs on a machine with a GPU and without a network: one .tar.xz of at most 60 MiB.

    python3 bench/gpu_pack.py --build build/pack [--data FOLDER] [--out stillpoint-gpu.tar.xz]

Packs the program, its GPU tests, and the libraries that such machines lack (neither NVIDIA's nor the C library's). For a
build there, it adds the sources and an overlay of headers and static libraries. Unpack it, run `sh stillpoint-gpu/run.sh`.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 60 << 20
# Every machine with such a GPU and PyTorch has these libraries.
THERE = re.compile(r"^(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s|cuda|cudart|cublas|cublasLt|cudnn|nccl|nvidia)[-.\d]*\.so|"
                   r"lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so|lib(cuda|cudart|cublas|cublasLt|cudnn|nccl)\w*\.so)")
# What the sources need to be built, below /usr: headers, static libraries and CMake's files of packages.
OVERLAY = ("include/nlohmann", "include/CLI", "include/eigen3/Eigen", "include/catch2", "include/png.h", "include/pngconf.h",
           "include/pnglibconf.h", "include/jpeglib.h", "include/jmorecfg.h", "include/jerror.h", "include/zlib.h",
           "include/zconf.h", "share/cmake/nlohmann_json", "share/cmake/CLI11", "share/eigen3/cmake", "lib/cmake/Catch2",
           "lib/libCatch2WithMain.a")
# The same in folders that are named after the processor.
OVERLAY_BY_PROCESSOR = ("include/*-linux-gnu/jconfig.h", "include/*-linux-gnu/zconf.h", "lib/*-linux-gnu/libpng16.a",
                        "lib/*-linux-gnu/libpng.a", "lib/*-linux-gnu/libjpeg.a", "lib/*-linux-gnu/libz.a")
RUN = """#!/bin/sh
# The hour on this machine's GPU: sh run.sh [OPTIONS OF gpu_hour.py]
# The same by a program that is built here first, in source/build/gpu: sh run.sh build [OPTIONS OF gpu_hour.py]
here=$(cd "$(dirname "$0")" && pwd)
nvidia=$(python3 -c 'import glob, os, sys
print(":".join(sorted({os.path.dirname(f) for p in sys.path for f in glob.glob(p + "/nvidia/*/lib/lib*.so.*")})))')
# Only those packed libraries are used that this machine lacks, so that its other programs keep their own.
rm -rf "$here/lacking"
mkdir "$here/lacking"
for library in "$here"/lib/*; do
  PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep -q "^[[:space:]]*${library##*/} " || ln -s "$library" "$here/lacking/"
done
LD_LIBRARY_PATH=$here/lacking:$nvidia:/usr/local/cuda/lib64:$LD_LIBRARY_PATH
CMAKE_PREFIX_PATH=$here/overlay
export LD_LIBRARY_PATH CMAKE_PREFIX_PATH
if [ "${1:-}" = build ]; then
  shift
else
  set -- --program "$here/bin/stillpoint" --tests "$here/bin" "$@"
fi
exec python3 "$here/source/bench/gpu_hour.py" --data "$here/data" "$@"
"""


def libraries_of(program):
    printed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", printed, re.M):
        if not THERE.match(name):
            yield name, path


def copy_overlay(to, usr=pathlib.Path("/usr")):
    for name in OVERLAY:
        source, target = usr / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy(source, target)
    for pattern in OVERLAY_BY_PROCESSOR:
        for source in usr.glob(pattern):
            target = to / pattern.partition("/")[0] / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help="a build folder with CUDA; build it for sm_80, sm_90 and sm_100")
    p.add_argument("--data", help="folder of data for tables 2 and 3")
    p.add_argument("--out", default="stillpoint-gpu.tar.xz")
    a = p.parse_args()
    build = pathlib.Path(a.build)
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary) / "stillpoint-gpu"
        for folder in ("bin", "lib", "data"):
            (top / folder).mkdir(parents=True)
        programs = [build / "stillpoint", build / "tests/test_cuda", build / "tests/test_cuda_tasks"]
        for program in programs:
            if not program.exists():
                sys.exit(f"gpu_pack: given {a.build}, which lacks {program.name}, expected a build with CUDA and tests")
            subprocess.run(["strip", "-o", top / "bin" / program.name, program], check=True)
            for name, path in libraries_of(program):
                shutil.copy(path, top / "lib" / name)
        if a.data:
            shutil.copytree(a.data, top / "data", dirs_exist_ok=True)
        archive = subprocess.run(["git", "-C", ROOT, "archive", "--prefix=source/", "HEAD"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", top], input=archive, check=True)
        copy_overlay(top / "overlay")
        (top / "run.sh").write_text(RUN)
        # The dictionary is large enough for all three programs, because they contain the same kernels.
        subprocess.run(["tar", "-C", temporary, "-cJf", pathlib.Path(a.out).resolve(), top.name], check=True,
                       env={**os.environ, "XZ_OPT": "--lzma2=preset=6,dict=128MiB"})
    size = pathlib.Path(a.out).stat().st_size
    print(f"{a.out}: {size / (1 << 20):.1f} MiB")
    if size > LIMIT:
        sys.exit(f"gpu_pack: {a.out} has {size} bytes, expected at most {LIMIT}, carry less data")


if __name__ == "__main__":
    main()
