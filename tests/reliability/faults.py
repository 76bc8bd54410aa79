"""Kills, hinders and damages short runs in every way, and checks that resuming them reaches the same end.

A preloaded library (shim.cpp) watches a run that takes a second. At each of the run's calls on its folder,
the run is killed, the call fails, or the power is cut, which loses a part of what was not synced to the disk.
From what is in the folder then, `--resume` (or the same command with --run, if nothing was saved yet) has to
reach the rows, results and weights of an undisturbed run.
"""
import argparse
import errno
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

SETTINGS = {"blank": 4, "train_sequences": 12, "valid_sequences": 3, "test_sequences": 3, "batch": 4, "epochs": 2,
            "log_every": 2, "tcn_blocks": 1, "tcn_channels": 3, "tcn_kernel": 2, "checkpoint_minutes": 1e-9}
TRAIN = ["train", "copy-memory", "--model", "tcn", "--threads", "1", "--device", "cpu", "--run", "r"]
for name, value in SETTINGS.items():
    TRAIN += ["--set", f"{name}={value}"]
RESUME = ["train", "copy-memory", "--threads", "1", "--device", "cpu", "--resume", "r"]


class Bench:
    def __init__(self, program, shim, preload, base):
        self.program, self.base = program, base
        self.preload = ":".join(preload + [shim])
        self.folder = base / "r"
        self.clear()
        assert self.run(TRAIN)[0] == 0, self.run(TRAIN)
        self.expected = self.end()
        self.clear()

    def run(self, arguments, **faults):
        environment = {"PATH": "/nonexistent", "OMP_NUM_THREADS": "1"}
        if faults:
            environment |= {"LD_PRELOAD": self.preload, "FAULT_FOLDER": str(self.folder)}
            environment |= {f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}
        done = subprocess.run([self.program, *arguments], cwd=self.base, env=environment, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def clear(self, source=None):
        shutil.rmtree(self.folder, ignore_errors=True)
        if source is not None:
            shutil.copytree(source, self.folder)

    def end(self):
        """Returns what has to be equal at the end: rows and results without times, and every tensor."""
        rows = []
        for line in (self.folder / "metrics.jsonl").read_text().splitlines():
            row = json.loads(line)
            del row["time"]
            rows.append(row)
        results = json.loads((self.folder / "results.json").read_text())
        del results["seconds"], results["made_by"]
        raw = (self.folder / "checkpoint.safetensors").read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:8 + size])
        record = json.loads(header.pop("__metadata__")["stillpoint"])
        return rows, results, record, header, raw[8 + size:]

    def go_on(self):
        """Resumes the run in its folder. Returns what is wrong with its end, or an empty text."""
        code, said = self.run(RESUME)
        if code != 0 and (not self.folder.exists() or "begin it again" in said):
            code, said = self.run(TRAIN)
        if code != 0:
            return f"returned {code}: {said}"
        left = [path.name for path in self.folder.iterdir() if path.name.startswith(".stillpoint-")]
        if left:
            return f"left {left} behind"
        return self.wrong_end()

    def wrong_end(self):
        try:
            end = self.end()
        except (OSError, ValueError, KeyError) as error:
            return f"left files that cannot be read: {error!r}"
        return "" if end == self.expected else f"ended otherwise: {end[:2]}, expected {self.expected[:2]}"

    def calls(self, arguments, source=None):
        self.clear(source)
        count = self.base / "count"
        code, said = self.run(arguments, count=count)
        assert code == 0, said
        return int(count.read_text())

    def halfway(self):
        """Returns the folder of a run that was killed in its middle, for tests of resuming."""
        half = self.calls(TRAIN) // 2
        self.clear()
        self.run(TRAIN, kill=half)
        source = self.base / "half"
        shutil.rmtree(source, ignore_errors=True)
        self.folder.rename(source)
        return source


def chosen(count, most):
    """Returns about `most` of the numbers 1 to count, including the first and the last; 0 means all."""
    if most == 0 or count <= most:
        return list(range(1, count + 1))
    step = count / most
    return sorted({1, count} | {1 + int(i * step) for i in range(most)})


def kill(bench, most, report):
    for name, arguments, source in (("run", TRAIN, None), ("resumed run", RESUME, bench.halfway())):
        for n in chosen(bench.calls(arguments, source), most):
            bench.clear(source)
            code, said = bench.run(arguments, kill=n)
            report(f"{name} killed at call {n}", "" if code == -9 else f"ended by itself: {code} {said}")
            report(f"{name} killed at call {n}, resumed", bench.go_on())
        rows = (bench.folder / "metrics.jsonl").read_bytes()
        code, said = bench.run(RESUME)
        still = code == 0 and "finished already" in said and (bench.folder / "metrics.jsonl").read_bytes() == rows
        report("a finished run, resumed", "" if still else f"returned {code}: {said}")


def fail(bench, most, report):
    for name, arguments, source in (("run", TRAIN, None), ("resumed run", RESUME, bench.halfway())):
        for n in chosen(bench.calls(arguments, source), most):
            for code, stays in ((errno.EIO, 0), (errno.ENOSPC, 1)):
                what = f"{name} with {errno.errorcode[code]} at call {n}" + (" and later" if stays else "")
                bench.clear(source)
                returned, said = bench.run(arguments, fail=n, code=code, stays=stays)
                if returned == 0:
                    report(what, bench.wrong_end())
                else:
                    named = returned > 0 and any(name in said for name in ("'r'", "'r/", "folder r,", "folder '.'"))
                    report(what, "" if named else f"returned {returned} without naming a file: {said}")
                report(what + ", resumed", bench.go_on())


class Node:
    def __init__(self):
        self.now, self.safe = b"", b""


class Disk:
    """A disk that may keep or lose any change since the last sync."""

    def __init__(self):
        self.nodes, self.safe, self.pending = {}, {}, []  # safe: path -> node; pending: changes of names

    def take(self, event, data):
        kind = event[0]
        if kind == "create":
            self.nodes[event[1]] = Node()
            self.pending.append((kind, event[2], self.nodes[event[1]]))
        elif kind == "write":
            node, at = self.nodes[event[1]], int(event[2])
            node.now = node.now[:at].ljust(at, b"\0") + data + node.now[at + len(data):]
        elif kind == "cut":
            node = self.nodes[event[2]]
            node.now = node.now[:int(event[1])]
        elif kind == "sync" and event[1] in self.nodes:
            self.nodes[event[1]].safe = self.nodes[event[1]].now
        elif kind == "sync":
            here = [change for change in self.pending if folder_of(change) == event[2]]
            apply(self.safe, here)
            self.pending = [change for change in self.pending if change not in here]
        elif kind in ("rename", "link", "unlink", "mkdir"):
            self.pending.append(tuple(event))

    def states(self, generator):
        """Yields (names, how unsynced bytes end up) for states of the disk after the power has returned."""
        lost, zeros = (lambda node: node.safe), (lambda node: node.safe + bytes(max(0, len(node.now) - len(node.safe))))

        def some(node):
            if not node.now.startswith(node.safe):
                return generator.choice((node.safe, node.now))
            return node.now[:generator.randint(len(node.safe), len(node.now))]
        yield dict(self.safe), lost
        everything = dict(self.safe)
        apply(everything, self.pending)
        yield everything, lost
        yield everything, zeros
        names = dict(self.safe)
        apply(names, [change for change in self.pending if generator.random() < 0.5])
        yield names, some


def folder_of(change):
    return str(pathlib.Path(change[1 if change[0] == "create" else -1]).parent)


def apply(names, changes):
    for change in changes:
        if change[0] == "create":
            names[change[1]] = change[2]
        elif change[0] == "mkdir":
            names[change[1]] = None
        elif change[0] == "unlink":
            names.pop(change[1], None)
        elif change[1] in names:
            names[change[2]] = names[change[1]]
            if change[0] == "rename":
                del names[change[1]]


def events_in(raw):
    at = 0
    while at < len(raw):
        end = raw.index(b"\n", at)
        event = raw[at:end].decode().split("\t")
        size = int(event[3]) if event[0] == "write" else 0
        yield event, raw[end + 1:end + 1 + size]
        at = end + 1 + size


def power(bench, most, report):
    trace = bench.base / "trace"
    trace.unlink(missing_ok=True)
    bench.clear()
    assert bench.run(TRAIN, trace=trace)[0] == 0
    events = list(events_in(trace.read_bytes()))
    generator, disk, seen, states = random.Random(7), Disk(), set(), []
    for number, (event, data) in enumerate(events, 1):
        disk.take(event, data)
        for names, content in disk.states(generator):
            files = {path: None if node is None else content(node) for path, node in names.items()}
            key = hash(tuple(sorted((path, data) for path, data in files.items() if path != str(bench.folder))))
            if key not in seen:
                seen.add(key)
                states.append((number, files))
    for i in chosen(len(states), most):
        number, files = states[i - 1]
        bench.clear()
        if str(bench.folder) in files:
            bench.folder.mkdir()
            for path, content in files.items():
                if content is not None:
                    pathlib.Path(path).write_bytes(content)
        report(f"power cut after call {number}, state {i} of {len(states)}", bench.go_on())


def flip(bench, most, report):
    """Resuming uses the previous checkpoint; eval refuses the damaged file itself."""
    bench.clear()
    bench.run(TRAIN)
    (bench.folder / "results.json").unlink()  # as if the run was killed while it finished
    whole = bench.base / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    bench.folder.rename(whole)
    raw = (whole / "checkpoint.safetensors").read_bytes()
    generator = random.Random(7)
    for bit in generator.sample(range(8 * len(raw)), most or 300):
        bench.clear(whole)
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        (bench.folder / "checkpoint.safetensors").write_bytes(damaged)
        code, said = bench.run(["eval", "r/checkpoint.safetensors", "--threads", "1"])
        report(f"eval with bit {bit} flipped", "" if code > 0 else f"passed: {said}")
        code, said = bench.run(RESUME)
        told = code == 0 and "the newest checkpoint is left out" in said
        report(f"resumed with bit {bit} flipped", bench.wrong_end() if told else f"returned {code}: {said}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--shim", required=True)
    parser.add_argument("--preload", action="append", default=[], help="libraries that come before the shim")
    parser.add_argument("--most", type=int, help="places to try of each kind; 0: all; default: STILLPOINT_FAULTS, or a few")
    parser.add_argument("kinds", nargs="+", choices=("kill", "fail", "power", "flip"))
    given = parser.parse_args()
    if given.most is None:  # a sanitized run, which needs another library first, takes several times longer
        given.most = int(os.environ.get("STILLPOINT_FAULTS", 5 if given.preload else 12))
    bad = 0
    with tempfile.TemporaryDirectory() as base:
        bench = Bench(given.program, given.shim, given.preload, pathlib.Path(base).resolve())
        for kind in given.kinds:
            outcomes = []

            def report(what, wrong):
                outcomes.append(wrong == "")
                if wrong:
                    print(f"{kind}: {what}: {wrong}", flush=True)
            globals()[kind](bench, given.most, report)
            print(f"{kind}: {sum(outcomes)} of {len(outcomes)} as they should be", flush=True)
            bad += outcomes.count(False) + (not outcomes)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
