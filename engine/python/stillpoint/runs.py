"""Runs of the program `stillpoint`: starts them, follows them and reads what they left. The program is the one in the
package, so a run has the same bits as one from a shell."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ._core import Error

Row = dict[str, Any]
Path = str | os.PathLike[str]


def program() -> str:
    """Returns the path of the program: STILLPOINT_PROGRAM, the package's own, or the one in PATH."""
    own = pathlib.Path(__file__).parent / "bin" / "stillpoint"
    found = os.environ.get("STILLPOINT_PROGRAM") or (str(own) if own.exists() else shutil.which("stillpoint"))
    if not found:
        raise Error("stillpoint: given a package without the program, expected bin/stillpoint in it or stillpoint in PATH, "
                    "install the wheel or set STILLPOINT_PROGRAM")
    return found


class Run:
    """The folder of a run."""

    def __init__(self, folder: Path):
        self.folder = pathlib.Path(folder)
        if not (self.folder / "config.json").exists():
            raise Error(f"Run: given {self.folder}, expected a folder with config.json, name a run's folder")

    @property
    def config(self) -> dict[str, Any]:
        """All settings."""
        return dict(json.loads((self.folder / "config.json").read_text()))

    @property
    def results(self) -> dict[str, Any] | None:
        """The metrics of the end and what made the run; None if it has not ended."""
        path = self.folder / "results.json"
        return json.loads(path.read_text()) if path.exists() else None

    def rows(self, split: str) -> list[Row]:
        with open(self.folder / "metrics.jsonl", encoding="utf-8") as log:
            lines = [line for line in log if line.endswith("\n")]  # the last one may be half written
        return [row for row in map(json.loads, lines) if row["split"] == split]

    def metrics(self, split: str = "train") -> dict[str, np.ndarray]:
        """Returns a column per metric of the split ("train", "valid", "test"): step, epoch, time, loss and others. A
        value that was not finite, or that a row does not have, is NaN."""
        rows = self.rows(split)
        names = dict.fromkeys(name for row in rows for name in row if name != "split")
        return {name: np.array([np.nan if row.get(name) is None else row[name] for row in rows]) for name in names}

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        curves = self.folder / "loss.svg"
        return curves.read_text() if curves.exists() else repr(self)


def _run(arguments: Sequence[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Error(done.stderr.strip() or f"stillpoint: ended with code {done.returncode}")
    return done.stdout


def _followed(path: pathlib.Path, ended: Callable[[], bool]) -> Iterator[Row]:
    """Yields the rows of a log that grows, until the run has ended and all are read. Waits between them."""
    place = 0
    while True:
        last = ended()
        if path.exists():
            with open(path, "rb") as log:
                log.seek(place)
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    place += len(line)
                    yield json.loads(line)
        if last:
            return


def train(task: str, *, run: Path, preset: str | None = None, callback: Callable[[Row], Any] | None = None,
          **settings: Any) -> Run:
    """Trains, and returns the run. `run` is its folder; `settings` are those of `stillpoint train TASK --help`.

    `callback` is called with every row of the log: {"step", "epoch", "time", "split", metric: value, ...}. If it returns
    False the run saves its state and ends, as after Ctrl-C; so it does if it raises, and the exception goes on."""
    arguments = [program(), "train", task, "--run", os.fspath(run)]
    arguments += ["--preset", preset] if preset else []
    for name, value in settings.items():
        word = str(value).lower() if isinstance(value, bool) else str(value)
        arguments += ["--set", f"{name}={word}"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)

    def ended() -> bool:
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            return False
        return True

    stopped = False
    try:
        for row in _followed(pathlib.Path(run) / "metrics.jsonl", ended):
            if callback is not None and not stopped and callback(row) is False:
                stopped = True
                process.send_signal(signal.SIGINT)
    except BaseException:
        process.send_signal(signal.SIGINT)  # saves the state
        process.communicate()
        raise
    errors = process.communicate()[1]
    if process.returncode != 0 and not (stopped and process.returncode == 130):
        raise Error(errors.strip() or f"train: the program ended with code {process.returncode}")
    if errors:
        print(errors, end="", file=sys.stderr)
    return Run(run)


def predict(run: Run | Path, inputs: Sequence[Path]) -> Any:
    """Returns the predictions of a run for its inputs, as `stillpoint predict --format json` prints them."""
    folder = run.folder if isinstance(run, Run) else run
    return json.loads(_run(["predict", os.fspath(folder), *[os.fspath(file) for file in inputs], "--format", "json"]))


def spectrum(run: Run | Path, out: Path, **options: Any) -> dict[str, Any]:
    """Finds the Koopman spectrum of a run's model, as `stillpoint spectrum RUN` does, and returns what it wrote to
    spectrum.json. Files go to the folder `out`."""
    folder = run.folder if isinstance(run, Run) else run
    flags = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), str(value))]
    _run(["spectrum", os.fspath(folder), "--output", os.fspath(out), *flags])
    return dict(json.loads((pathlib.Path(out) / "spectrum.json").read_text()))
