"""Runs one trial: a process that trains in its own folder."""
import contextlib
import ctypes
import json
import math
import os
import shutil
import signal
import subprocess
import time
import uuid

from common import INTERRUPTED, LASTING, Lost, is_special, say
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from study import history

TOKEN = "trial.token"  # file in a trial's folder that names its owner; `train --trial` writes only while it has its token


def death_signal():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def write(path, text):
    """Replaces a file, but never the target of a link."""
    part = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        part.write_text(text)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def plain_files(folder):
    return [f for f in folder.iterdir() if f.is_file() and not f.is_symlink() and not f.name.startswith(".")]


class TrialRun:
    def __init__(self, search, trial):
        self.search, self.plan, self.trial = search, search.plan, trial
        self.token, self.beats = uuid.uuid4().hex, 0
        self.values, self.steps, self.offset, self.file = [], set(), 0, None
        self.decision, self.error = None, None
        self.errors = os.memfd_create("errors")  # stderr of the training, in memory because a disk may be full

    def open_log(self):
        return os.open(f"{self.folder_of(self.trial.number)}.log",
                       os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)

    def folder_of(self, number):
        """Returns the trial's folder. Its name is only the number, so that no row of the study can lead elsewhere."""
        folder = self.search.folder / f"{number:05d}"
        if folder.is_symlink():
            raise OSError(f"{folder} is a symbolic link, expected a folder of this search")
        return folder

    def take_folder(self):
        """Takes the trial's folder. Copies what an earlier try saved, once that try's folder has this worker's token."""
        folder = self.folder_of(self.trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        saved = (folder / "checkpoint.safetensors").exists()
        if not saved and any(folder.iterdir()) and not (folder / TOKEN).exists() and not (folder / "config.json").exists():
            raise OSError(f"{folder} holds files of another program, expected none; move it away")
        write(folder / TOKEN, self.token)
        if saved:
            return folder, True
        for left in plain_files(folder):
            if left.name != TOKEN:
                left.unlink()
        before = history(self.search.steady(self.search.storage.get_trial, self.trial._trial_id))
        earlier = [f for f in map(self.folder_of, reversed(before)) if f.is_dir() and f != folder]
        for other in earlier:
            write(other / TOKEN, self.token)
        for other in earlier:
            # Checkpoints are copied before the log, which is never behind them, and get their names after it.
            files = sorted((f for f in plain_files(other) if f.name != TOKEN), key=lambda f: "checkpoint" not in f.name)
            if any(f.name == "checkpoint.safetensors" for f in files):
                for f in files:
                    shutil.copyfile(f, folder / f".{f.name}.part")
                for f in reversed(files):
                    os.replace(folder / f".{f.name}.part", folder / f.name)
                return folder, True
        return folder, False

    def start(self):
        plan = self.plan
        folder, resume = self.take_folder()
        write(folder / "settings.json", json.dumps({**plan["fixed"], **self.trial.params}, indent=2) + "\n")
        log, self.metrics = self.open_log(), folder / "metrics.jsonl"
        command = [plan["program"], "train", plan["task"], "--config", folder / "settings.json",
                   "--resume" if resume else "--run", folder, "--trial", self.token, "--device", plan["device"],
                   "--threads", str(plan["threads"])]
        try:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=self.errors,
                                    process_group=0, preexec_fn=death_signal)
        finally:
            os.close(log)

    def rows(self):
        """Yields new rows of the validation set. A resumed run first cuts its log back, so that known steps come again."""
        if is_special(self.metrics):
            raise OSError(f"{self.metrics} is not a regular file, expected one; move it away")
        with contextlib.suppress(FileNotFoundError), open(self.metrics, "rb") as file:
            found = os.fstat(file.fileno())
            if self.file != found.st_ino or found.st_size < self.offset:
                self.file, self.offset = found.st_ino, 0
            file.seek(self.offset)
            whole = file.read().rpartition(b"\n")[0:2]
            self.offset += sum(map(len, whole))
            for line in whole[0].splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    raise OSError(f"{self.metrics} holds '{line[:60]!r}', expected a row of JSON") from None
                if row["split"] == "valid" and row["step"] not in self.steps:
                    self.steps.add(row["step"])
                    yield row

    def read(self):
        for row in self.rows():
            if self.decision:
                return
            metric = self.plan["metric"]
            if metric not in row:
                known = ", ".join(k for k in row if k not in ("step", "epoch", "time", "split"))
                self.decision, self.error = "failed", f"given metric '{metric}', expected one of {known}; correct the space"
                return
            self.values.append(math.nan if row[metric] is None else row[metric])
            count, value = len(self.values), self.values[-1]
            self.search.steady(self.trial.report, value, count)
            rung = count >= self.plan["grace"] and count < self.plan["most"]
            if count >= self.plan["most"]:
                self.decision = "ended"
            elif rung and self.search.steady(self.trial.should_prune):
                self.decision = "failed" if math.isnan(value) else "pruned"

    def beat(self):
        self.beats += 1
        self.search.steady(self.trial.set_user_attr, "alive", [self.search.worker, self.beats])
        self.search.steady(self.search.look)

    def train(self):
        process, told, due = self.start(), None, time.monotonic()
        try:
            while True:
                ended = process.poll() is not None  # checked before the last look at its log
                if time.monotonic() >= due:
                    due = time.monotonic() + self.plan["heartbeat"]
                    self.beat()
                self.read()
                if ended:
                    return process.returncode
                if (self.decision or self.search.asked) and told is None:
                    process.terminate()
                    told = time.monotonic()
                if told is not None and time.monotonic() - told > 120:
                    process.kill()
                time.sleep(0.03)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                process.kill()
                process.wait()

    def last_words(self):
        said = os.pread(self.errors, 1 << 20, 0).decode(errors="replace").strip()
        name = os.path.basename(self.plan["program"]) + ": "
        return said[said.rfind(name):].removeprefix(name)[:1000]

    def end(self, code):
        """Returns how the trial ended, in words, and the fault of the machine if that kept it from ending."""
        search, trial = self.search, self.trial
        if self.decision == "pruned":
            search.tell(trial, state=TrialState.PRUNED)
            return f"stopped after {len(self.values)} evaluations", None
        if self.decision or code == 0:
            if self.error or not self.values or math.isnan(self.values[-1]):
                reason = self.error or f"{self.plan['metric']} is not a number" if self.error or self.values else "its run ended without an evaluation"
                search.tell(trial, state=TrialState.FAIL, error=reason)
                return f"failed: {reason}", None
            search.tell(trial, self.values[-1])
            return f"ended after {len(self.values)} evaluations", None
        if search.asked or code in (LASTING, INTERRUPTED) or (code > 0 and not self.last_words()):
            fault = None if search.asked else self.last_words() or f"training ended with code {code} and no word"
            self.requeue()
            return (f"{'not done, ' + fault if fault else 'interrupted'} after {len(self.values)} evaluations; "
                    f"waits to be resumed"), fault
        if code < 0:
            reason = f"its training was ended by signal {-code}"
            again = search.steady(search.fail_once_more, trial._trial_id, search.storage.get_trial(trial._trial_id), reason)
            return f"{reason}; {'it is tried again' if again else 'tried too often, given up'}", None
        reason = self.last_words()
        search.tell(trial, state=TrialState.FAIL, error=reason)
        return f"failed: {reason}", None

    def requeue(self):
        """Puts the trial back under its number, as if it had not been started; that uses up no retry."""
        self.search.steady(self.search.storage.set_trial_state_values, self.trial._trial_id, TrialState.WAITING)

    def run(self):
        try:
            try:
                how, fault = self.end(self.train())
            except OSError as error:
                self.requeue()
                fault = f"{self.search.folder}: {error}"
                how = f"not done, {fault}; waits to be resumed"
        except (Lost, UpdateFinishedTrialError):
            how, fault = "given up: another worker took it for dead", None
        finally:
            with contextlib.suppress(OSError), open(self.open_log(), "ab") as log:
                log.write(os.pread(self.errors, 1 << 20, 0))
            os.close(self.errors)
        names = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in self.trial.params.items())
        last = f"{self.plan['metric']} {self.values[-1]:.4g}, " if self.values else ""
        say(f"trial {self.trial.number}: {names}; {last}{how}")
        return fault
