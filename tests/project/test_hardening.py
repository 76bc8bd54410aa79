"""Checks the programs and shared libraries of a build folder: where they look for libraries, and how they
were linked.

Usage: test_hardening.py BUILD_FOLDER STILLPOINT COMPILER
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile


def output_of(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def programs(folder):
    """Yields dynamically linked programs, which name an interpreter, and shared libraries, which have a name."""
    for path in sorted(folder.rglob("*")):
        if "CMakeFiles" in path.parts or path.is_symlink() or not path.is_file() or not os.access(path, os.X_OK):
            continue
        with path.open("rb") as file:
            if file.read(4) == b"\x7fELF" and re.search(r" INTERP |\(SONAME\)", output_of("readelf", "-ldW", path)):
                yield path


def others_may_write(folder):
    """Returns whether anybody may put a file there, or make the folder."""
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_mode & 0o002 != 0


def faults(program):
    dynamic, headers = output_of("readelf", "-dW", program), output_of("readelf", "-hlW", program)
    for path in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic):
        for element in path.replace("$ORIGIN", str(program.parent)).split(":"):
            if not element.startswith("/"):
                yield f"looks for libraries in '{element}', which depends on the current folder"
            elif others_may_write(pathlib.Path(element)):
                yield f"looks for libraries in {element}, where anybody may write"
    if "GNU_RELRO" not in headers or not re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic):
        yield "was linked without -z relro -z now"
    if not re.search(r"Type:\s+DYN", headers):
        yield "is not position independent"
    if re.search(r"GNU_STACK.*\bRWE\b", headers):
        yield "has an executable stack"


def planted_libraries_found(program, arguments, compiler):
    """Runs the program beside one planted library per name that it needs; returns those that it found."""
    found = []
    for library in re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-dW", program)):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            source = folder / "planted.cpp"
            source.write_text('#include <cstdio>\n[[gnu::constructor]] static void mark() '
                              '{ std::fclose(std::fopen("ran", "w")); }\n')
            subprocess.run([compiler, "-shared", "-fPIC", source, "-o", folder / library], check=True)
            ran = subprocess.run([program, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if (folder / "ran").exists() or library.encode() in ran.stderr:  # found but refused
                found.append(library)
    return found


def check_that_faults_are_found(compiler):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "main.cpp").write_text("#include <iostream>\nint main() { std::cout << 1; }\n")
        (folder / "own.cpp").write_text("int own() { return 0; }\n")
        subprocess.run([compiler, "-shared", "-fPIC", folder / "own.cpp", "-o", folder / "libown.so"], check=True)
        program = folder / "program"
        subprocess.run([compiler, "-no-pie", "-fno-pie", folder / "main.cpp", "-o", program, "-Wl,--no-as-needed",
                        f"-L{folder}", "-lown", "-Wl,-rpath,/usr/lib:", "-Wl,-z,norelro,-z,lazy,-z,execstack"], check=True)
        assert len(list(faults(program))) == 4, list(faults(program))
        assert "libown.so" in planted_libraries_found(program, [], compiler), "the planted library was not found"


def main():
    folder, stillpoint, compiler = sys.argv[1:]
    check_that_faults_are_found(compiler)
    read = list(programs(pathlib.Path(folder)))
    assert pathlib.Path(stillpoint) in read, f"{stillpoint} is not among the {len(read)} programs of {folder}"
    found = [f"{program} {fault}" for program in read for fault in faults(program)]
    assert not found, "\n".join(found)
    loaded = planted_libraries_found(stillpoint, ["info"], compiler)
    assert not loaded, f"stillpoint looked for {loaded} in the current folder"
    print(f"{len(read)} programs and libraries are hardened; {len(loaded)} planted libraries were loaded")


main()
