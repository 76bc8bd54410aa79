#!/usr/bin/env python3
"""Holds the documents against the code: links, paths, rooms, drawings, versions, settings, commands, line counts, exercises.

usage: tests/project/test_docs.py PROGRAM [CHECK...]   (default: every check; PROGRAM is the built stillpoint)
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
problems = []


def expect(good, *words):
    if not good:
        problems.append(" ".join(str(word) for word in words))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tracked(*patterns):
    """Files of the repository; without git or in an unpacked archive, those that lie outside build folders."""
    git = shutil.which("git") and subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True)
    names = git.stdout.splitlines() if git and git.returncode == 0 else [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and path.relative_to(ROOT).parts[0] != "build"]
    return sorted(name for name in names if (ROOT / name).is_file() and any(pathlib.PurePath(name).match(p) for p in patterns))


def output_of(*arguments, folder=None):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, cwd=folder)
    return done.stdout + done.stderr


def without_code(text):
    return re.sub(r"^( *)```.*?^ *```", "", text, flags=re.S | re.M)


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links():
    """Every relative link names a file, and a heading of it if it has an anchor."""
    pages = tracked("*.md")
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)|srcset=\"([^\"]+)\"|src=\"([^\"]+)\"", without_code(read(page))):
            target = "".join(target)
            if re.match(r"[a-z]+:", target):
                continue
            name, _, fragment = target.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            expect(path.exists(), page, "links to", target, "which does not exist")
            if fragment and path.suffix == ".md" and path.exists():
                headings = {anchor(h) for h in re.findall(r"^#+ (.*)$", without_code(path.read_text(encoding="utf-8")), re.M)}
                expect(fragment in headings, page, "links to", target, "but there is no such heading")
    expect(len(pages) > 10, "found only", len(pages), "pages")


def paths():
    """Every path that a page names in backticks exists; * and {a,b} stand for several, TASK for any."""
    folders = "engine|kernels|models|solvers|tasks|bench|tests|docs|cmake"
    for page in tracked("*.md"):
        for name in re.findall(rf"`((?:{folders})/[\w./*{{}},-]*)`", without_code(read(page))):
            for one in [] if "TASK" in name else expand(name):
                expect(list(ROOT.glob(one.rstrip("/"))), page, "names", name, "which does not exist")


def expand(name):
    braces = re.search(r"\{([^}]*)\}", name)
    if not braces:
        return [name]
    return [one for word in braces[1].split(",") for one in expand(name[:braces.start()] + word + name[braces.end():])]


def rooms():
    """Every room of kernels has notes, to which docs/kernels.md links."""
    page = read("docs/kernels.md")
    for room in sorted({name.split("/")[1] for name in tracked("kernels/*/*")}):
        expect((ROOT / f"kernels/{room}/NOTES.md").exists(), f"kernels/{room} has no NOTES.md")
        expect(f"[{room}](../kernels/{room}/NOTES.md): " in page, "docs/kernels.md does not link to the notes of", room)


def drawings():
    """The drawings are those of their script."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "docs/pictures/drawings.py", folder], check=True)
        for path in pathlib.Path(folder).iterdir():
            same = (ROOT / "docs/pictures" / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
            expect(same, f"docs/pictures/{path.name} is not what drawings.py draws; run it")


def versions():
    """The version is the same everywhere, and has a section in CHANGELOG.md."""
    version = re.search(r"project\(\w+ VERSION ([\d.]+)", read("CMakeLists.txt"))[1]
    expect(re.search(rf"^version: \"?{re.escape(version)}\"?$", read("CITATION.cff"), re.M), "CITATION.cff lacks version", version)
    expect(re.search(rf"^## (\[?{re.escape(version)}|Unreleased)", read("CHANGELOG.md"), re.M), "CHANGELOG.md lacks version", version)
    said = output_of("--version").strip()
    expect(said.split()[0] == version, "--version says", said, "expected", version)


def front_page():
    """README.md has at most 80 lines, and its program compiles."""
    lines = read("README.md").splitlines()
    expect(len(lines) <= 80, "README.md has", len(lines), "lines, expected at most 80")
    program = re.search(r"```cpp\n(.*?)```", read("README.md"), re.S)[1]
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler:
        done = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I", ROOT, "-I", PROGRAM.parent / "include", "-xc++", "-"], input=program, text=True, capture_output=True)
        expect(done.returncode == 0, "README.md's program does not compile:", done.stderr)


def settings():
    """docs/manual.md has every setting of every task with its default, and no other; and every command."""
    manual = read("docs/manual.md")
    rows, known = {}, set()
    for name, default in re.findall(r"^\| `([a-z_0-9]+)` \| (.*`.*?) \| ", manual, re.M):
        rows[name] = rows.get(name, "") + default
    for task in ("copy-memory", "image-regression", "image-classification", "sequence"):
        text = output_of("train", task, "--help")
        for name, default in re.findall(r"^  (\w+) +(\S+)  +\S", text[text.index("Settings for"):], re.M):
            known.add(name)
            expect(f"`{default}`" in rows.get(name, ""), "docs/manual.md lacks setting", name, "with default", default, "of", task)
    expect(set(rows) <= known, "docs/manual.md has settings that no task has:", sorted(set(rows) - known))
    for command in re.findall(r"^  (\w+)  ", output_of("--help").split("Subcommands:")[1], re.M):
        expect(f"\n### {command}\n" in manual, "docs/manual.md lacks command", command)


def reading_path():
    """The lines of the reading path in docs/tour.md, of the product and of tests with the emulator, to 5 %."""
    tour = read("docs/tour.md")
    named = re.findall(r"`([\w/.{},]+/[\w/.{},]+)`", tour.split("<!-- path -->")[1])
    files = [one for name in named for one in expand(name)]
    sources = [name.split("/") for name in tracked("*.h", "*.cpp", "*.cu", "*.py")]
    product = ["/".join(parts) for parts in sources if parts[0] in ("engine", "kernels", "models", "solvers", "tasks")]
    tests = ["/".join(parts) for parts in sources if parts[0] == "tests"]
    for kind, real in (("path", count_lines(files)), ("all", count_lines(product)), ("test", count_lines(tests))):
        said = int(re.search(rf"<!-- {kind} lines -->\*?\*?([\d,]+)", tour)[1].replace(",", ""))
        expect(abs(said - real) <= 0.05 * real, f"docs/tour.md says {said} lines ({kind}), counted {real}")


def count_lines(names):
    return sum(len(read(name).splitlines()) for name in set(names) if (ROOT / name).is_file())


def exercises():
    """The solutions in docs/tour.md print what stands there; ... is for any text."""
    blocks = re.findall(r"```console\n(.*?)```", read("docs/tour.md"), re.S)
    expect(len(blocks) >= 4, "docs/tour.md has", len(blocks), "solutions with a console, expected at least 4")
    for block in blocks:
        with tempfile.TemporaryDirectory() as folder:
            for part in block.replace("\\\n", " ").split("$ stillpoint ")[1:]:
                command, *wanted = part.strip().split("\n")
                found = output_of(*command.split(), folder=folder)
                for line in wanted:
                    pattern = ".*".join(re.escape(piece) for piece in line.strip().split("..."))
                    expect(re.search(f"^{pattern}$", found, re.M), f"stillpoint {command}: expected '{line}', found:\n{found}")


CHECKS = (links, paths, rooms, drawings, versions, front_page, settings, reading_path, exercises)


def main():
    for check in CHECKS:
        if len(sys.argv) < 3 or check.__name__ in sys.argv[2:]:
            check()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
