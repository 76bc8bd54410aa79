"""Tests searches by the program and Optuna: test_search.py PROGRAM [TEST...]. STILLPOINT_TEST_POSTGRES is the
URL of a server."""
import collections
import contextlib
import json
import logging
import os
import pathlib
import random
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import optuna

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(HERE.parents[1] / "tasks/search"))
import draws  # noqa: E402

SPACE = {"metric": "loss", "direction": "minimize", "trials": 10, "grace": 1, "reduction": 2, "most": 6,
         "settings": {"epochs": 8}, "draws": {"lr": {"log_uniform": [1e-4, 0.1]}, "batch": {"choice": [1, 2, 4]}}}
SMALL = {"blank": 5, "train_sequences": 8, "valid_sequences": 4, "test_sequences": 1, "tcn_blocks": 1, "tcn_channels": 4,
         "d_phi": 4, "hidden": 4}


class Case(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="stillpoint-search-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        (self.root / "space.json").write_text(json.dumps(SPACE))
        self.folder, self.url = self.root / "search", f"sqlite:///{self.root}/search/study.db"
        self.environment = dict(os.environ, STILLPOINT_PYTHON=os.environ.get("STILLPOINT_PYTHON", sys.executable))
        self.started = []
        self.addCleanup(lambda: [self.kill(p.pid) for p in self.started if p.poll() is None])

    def kill(self, pid, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def preload(self, source):
        """Loads the library made of this C file into every process that is started from now on."""
        if subprocess.run(["cc", "-shared", "-fPIC", "-o", "preloaded.so", HERE / source], cwd=self.root).returncode != 0:
            self.skipTest("no C compiler")
        self.environment.update(LD_PRELOAD=str(self.root / "preloaded.so"), ASAN_OPTIONS="verify_asan_link_order=0")

    def command(self, trials, *more, scheduler="asha", heartbeat=0.3, **settings):
        sets = [f"--set={k}={v}" for k, v in {**SMALL, **settings}.items()]
        return [PROGRAM, "tune", "copy-memory", "--model=single", f"--trials={trials}", "--folder=search", "--threads=1",
                "--device=cpu", f"--heartbeat={heartbeat}", f"--scheduler={scheduler}", "--space=space.json", *sets, *more]

    def start(self, *arguments, **named):
        process = subprocess.Popen(self.command(*arguments, **named), cwd=self.root, env=self.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.started.append(process)
        return process

    def search(self, *arguments, code=0, **named):
        process = self.start(*arguments, **named)
        output = process.communicate(timeout=300)[0]
        self.assertEqual(process.returncode, code, output)
        return output

    def study(self):
        return optuna.load_study(study_name="copy-memory-single", storage=self.url)

    def wait_for(self, found, seconds=60):
        deadline = time.monotonic() + seconds
        while not (result := found()):
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            time.sleep(0.02)
        return result

    def trainers(self):
        """Returns this test's processes that train."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if os.readlink(entry / "cwd") == str(self.root) and "--trial" in arguments:
                    found.append(int(entry.name))
        return found

    def workers(self):
        """Returns the children of the processes that this test has started."""
        found = []
        for process in self.started:
            with contextlib.suppress(OSError):
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                found += [int(c) for c in children.split()]
        return found

    def suspended(self, pids):
        """Stops the processes and returns true, unless one holds SQLite's lock, which nobody could take from it."""
        for pid in pids:
            self.kill(pid, signal.SIGSTOP)
        try:
            with contextlib.closing(sqlite3.connect(self.folder / "study.db", timeout=0.2)) as database:
                database.execute("BEGIN IMMEDIATE")
            return True
        except sqlite3.OperationalError:
            for pid in pids:
                self.kill(pid, signal.SIGCONT)
            return False

    def check_ended(self, asked, study=None):
        """Checks that the trials asked for have ended, none lost or counted twice. Returns how many started."""
        trials = (study or self.study()).get_trials()
        retried = {n for t in trials for n in t.system_attrs.get("retry_history", [])}
        kept = [t for t in trials if t.number not in retried]
        self.assertEqual(len(kept), asked, [(t.number, t.state.name) for t in trials])
        for t in trials:
            if t.number in retried:
                self.assertEqual(t.state.name, "FAIL")
                continue
            self.assertIn(t.state.name, ("COMPLETE", "PRUNED"), (t.number, t.user_attrs))
            steps = sorted(t.intermediate_values)
            self.assertEqual(steps, list(range(1, len(steps) + 1)))
            self.assertEqual(t.value, t.intermediate_values[steps[-1]])
            if t.state.name == "COMPLETE":
                self.assertEqual(len(steps), 6)
        return len(trials)


class Searches(Case):
    def test_draws_are_those_of_the_first_version(self):
        plan = {"draws": {"lr": {"log_uniform": [1e-4, 1]}, "clip": {"uniform": [2, 4]}, "batch": {"choice": [1, 2, 5, 10]}}}
        known = {(0, 0): (0.013516445614702065, 3.0880183070844467, 2), (3, 7): (0.017715881738385439, 2.4848967217998048, 5),
                 (12345678901, 1000): (0.002448107667183366, 3.4592336683007425, 1),
                 (2**63 - 1, 5000000000): (0.00012077982674556108, 2.1156948113103313, 5)}
        for (seed, number), values in known.items():
            self.assertEqual(tuple(draws.drawn({**plan, "seed": seed}, number).values()), values)

    def test_a_search_runs_its_trials_and_keeps_the_best_settings(self):
        output = self.search(8, "--workers=2")
        self.assertEqual(self.check_ended(8), 8)
        best = self.study().best_trial
        found = json.loads((self.folder / "best.json").read_text())
        self.assertEqual((found["lr"], found["epochs"], found["model"]), (best.params["lr"], 8, "single"))
        self.assertIn(f"best: trial {best.number}", output)
        self.assertIn("stillpoint train copy-memory --config", output)
        self.assertNotIn("test", {json.loads(r)["split"] for r in (self.folder / "00000/metrics.jsonl").read_text().splitlines()})
        for t in self.study().get_trials():
            self.assertEqual(t.params, {k: v for k, v in draws.drawn({**SPACE, "seed": 0}, t.number).items()})
        self.search(10)
        self.assertEqual(self.check_ended(10), 10)
        self.assertIn("given scheduler", self.search(10, scheduler="none", code=1))
        self.assertIn("with the runs of another study", self.search(10, "--study=other", code=1))

    def test_other_samplers_and_a_journal(self):
        self.search(4, "--sampler=tpe", "--storage=journal:search/study.log", scheduler="none")
        with open(self.folder / "study.log", "ab") as file:
            file.write(b'{"op_code": 4, "worker')  # left by a writer that was killed
        self.search(5, "--sampler=tpe", "--storage=journal:search/study.log", scheduler="none")
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(f"{self.folder}/study.log"))
        self.check_ended(5, optuna.load_study(study_name="copy-memory-single", storage=storage))
        try:
            import cmaes  # noqa: F401
        except ImportError:
            self.assertIn("pip install cmaes", self.search(4, "--sampler=cmaes", code=1))

    def test_an_old_study_goes_on(self):
        self.folder.mkdir()
        with contextlib.closing(sqlite3.connect(self.folder / "study.db")) as database:
            database.executescript((HERE / "old_study.sql").read_text())
        (self.root / "space.json").write_text(json.dumps({**SPACE, "draws": {
            "lr": {"log_uniform": [1e-4, 0.1]}, "clip": {"uniform": [0.5, 2]}, "batch": {"choice": [1, 2, 4]}}}))
        self.search(6, "--search-seed=12345678901", train_sequences=40)
        self.assertEqual(self.check_ended(6), 7)  # trial 3's worker was killed
        trials = self.study().get_trials()
        self.assertEqual(trials[4].system_attrs["retry_history"], [3])
        self.assertEqual(trials[4].params, trials[3].params)

    def test_ctrl_c_loses_nothing_and_uses_no_retry(self):
        process = self.start(3, scheduler="none", train_sequences=400, epochs=7)
        self.wait_for(lambda: (self.folder / "00000/checkpoint.safetensors").exists())
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 130, output)
        self.assertIn("waits to be resumed", output)
        self.assertEqual(self.trainers(), [])
        self.search(3, scheduler="none", train_sequences=400, epochs=7)
        self.assertEqual(self.check_ended(3), 3)
        self.assertIn("--resume", (self.folder / "00000.log").read_text())

    def test_racing_workers_start_no_more_than_asked_for(self):
        searches = [self.start(9, "--workers=2") for _ in range(2)]
        for process in searches:
            output = process.communicate(timeout=300)[0]
            self.assertEqual(process.returncode, 0, output)
        self.assertEqual(self.check_ended(9), 9)

    def test_workers_and_trainers_killed_at_any_moment_lose_nothing(self):
        chance, kills = random.Random(5), 0
        process = self.start(10, "--workers=3", "--retries=40", train_sequences=80)
        while kills < int(os.environ.get("STILLPOINT_TEST_KILLS", 7)) and process.poll() is None:
            time.sleep(chance.uniform(0.1, 1.5))
            if victims := self.workers() + self.trainers():
                self.kill(chance.choice(victims))
                kills += 1
            if kills % 5 == 4 and (victims := self.workers()):  # sometimes kill the whole search
                self.kill(process.pid)
                process.wait()
                process = self.start(10, "--workers=3", "--retries=40", train_sequences=80)
                kills += 1
        output = process.communicate(timeout=300)[0]
        self.assertEqual(process.returncode, 0, output)
        print(f"{kills} kills, {self.check_ended(10)} trials started, none lost")

    def test_a_trial_that_kills_its_training_is_given_up(self):
        process = self.start(2, "--retries=2", scheduler="none", train_sequences=400, heartbeat=2)
        killed = collections.Counter()
        while process.poll() is None:
            for trainer in self.trainers():
                with contextlib.suppress(OSError, ValueError):  # it has just begun or ended
                    words = pathlib.Path(f"/proc/{trainer}/cmdline").read_bytes().decode().split("\0")
                    settings = json.loads(pathlib.Path(words[words.index("--config") + 1]).read_text())
                    if settings["lr"] == draws.drawn({**SPACE, "seed": 0}, 0)["lr"]:
                        self.kill(trainer, signal.SIGSEGV)
                        killed[trainer] += 1
            time.sleep(0.01)
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(len(killed), 3)
        self.assertIn("signal 11; tried too often, given up", output)
        self.assertEqual(sum(t.state.name == "COMPLETE" for t in self.study().get_trials()), 1)

    def test_a_suspended_worker_that_wakes_up_writes_nothing(self):
        self.suspend_and_wake()

    def test_a_worker_suspended_right_after_its_first_checkpoint_writes_nothing(self):
        self.preload("stop_at_checkpoint.c")
        self.suspend_and_wake()

    def suspend_and_wake(self):
        first = self.start(1, scheduler="none", train_sequences=400)
        self.environment.pop("LD_PRELOAD", None)
        self.wait_for(lambda: (self.folder / "00000/checkpoint.safetensors").exists())
        stopped = [first.pid, *self.workers(), *self.trainers()]
        self.assertEqual(len(stopped), 3)
        self.wait_for(lambda: self.suspended(stopped))
        second = self.start(1, scheduler="none", train_sequences=400)
        self.wait_for(lambda: (self.folder / "00001/metrics.jsonl").exists())
        before = {f.name: f.read_bytes() for f in (self.folder / "00000").iterdir() if f.name != ".lock"}
        for pid in stopped:
            self.kill(pid, signal.SIGCONT)
        output = first.communicate(timeout=60)[0]
        self.assertIn("given up: another worker took it for dead", output)
        late = subprocess.run([PROGRAM, "train", "copy-memory", "--resume=search/00000", "--trial=of-the-first"], cwd=self.root,
                              env=self.environment, capture_output=True, text=True)  # the first may have had nothing to write
        self.assertIn("which another worker of the search has taken over", late.stderr)
        self.assertEqual(before, {f.name: f.read_bytes() for f in (self.folder / "00000").iterdir() if f.name != ".lock"})
        output = second.communicate(timeout=120)[0]
        self.assertEqual(second.returncode, 0, output)
        self.assertEqual(self.check_ended(1), 2)
        steps = [json.loads(r)["step"] for r in (self.folder / "00001/metrics.jsonl").read_text().splitlines()
                 if json.loads(r)["split"] == "train"]
        self.assertEqual(steps, sorted(set(steps)))

    def test_a_clock_that_is_a_day_ahead_steals_no_trial(self):
        first = self.start(2, scheduler="none", train_sequences=400)
        self.wait_for(lambda: (self.folder / "00000/checkpoint.safetensors").exists())
        self.preload("clock_ahead.c")
        skewed = subprocess.check_output([sys.executable, "-c", "import time; print(time.time())"], env=self.environment)
        self.assertGreater(float(skewed), time.time() + 80000)
        second = self.start(2, scheduler="none", train_sequences=400)
        for process in (first, second):
            self.assertEqual(process.communicate(timeout=120)[0].count("silent"), 0)
            self.assertEqual(process.returncode, 0)
        self.assertEqual(self.check_ended(2), 2)

    def test_a_full_disk_fails_no_trial(self):
        if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", self.root], capture_output=True).returncode != 0:
            self.skipTest("no mounts of its own here (unshare -rm)")
        self.folder.mkdir()
        tune_it = [str(word) for word in self.command(6, "--workers=2", "--patience=3", f"--storage={self.url.replace('search/', '')}",
                                                      scheduler="none", tcn_channels=40)]
        script = f"""mount -t tmpfs -o size=8000k none search && head -c 7850000 /dev/zero > search/filler
            {shlex.join(tune_it)}; echo "code $?"; df search | tail -1; rm search/filler
            {shlex.join(tune_it)}; echo "code $?"; tail -n 3 search/*.log"""
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=self.root, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200)
        self.assertIn("code 75", done.stdout)
        self.assertIn("No space left on device", done.stdout)
        self.assertIn("code 0", done.stdout)
        self.url = self.url.replace("search/", "")
        self.assertEqual(self.check_ended(6), 6, done.stdout)

    def test_missing_data_fail_no_trial(self):
        command = [PROGRAM, "tune", "image-classification", "--set=dataset=mnist", "--data=nowhere", "--trials=3",
                   "--folder=search", "--device=cpu"]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)
        self.assertFalse(self.folder.exists())

    def test_refused_settings_and_divergence_fail_their_trial(self):
        (self.root / "space.json").write_text(json.dumps({**SPACE, "draws": {"lr": {"choice": [1e-3, 1e38]},
                                                                            "batch": {"choice": [1, 0]}}}))
        self.search(8, scheduler="none")
        errors = [t.user_attrs["error"] for t in self.study().get_trials() if t.state.name == "FAIL"]
        self.assertTrue(errors and all("batch" in e or "finite" in e or "not a number" in e for e in errors), errors)

    def test_a_poisoned_study_reaches_nothing_outside(self):
        precious = self.root / "home"
        precious.mkdir()
        (precious / "letter").write_text("kept")
        self.search(1)
        study = self.study()
        trial = study.ask()
        trial.set_user_attr("run", str(precious))
        trial.set_user_attr("alive", ["gone", 1])
        self.study()._storage.set_trial_system_attr(trial._trial_id, "retry_history", ["../home", str(precious), -1, 0])
        (self.folder / "00003").symlink_to(precious)
        output = self.search(2, "--patience=0", code=75)
        self.assertIn("is a symbolic link", output)
        self.assertEqual([f.name for f in precious.iterdir()], ["letter"])
        (self.folder / "00003").unlink()
        self.search(2)
        self.assertEqual([f.name for f in precious.iterdir()], ["letter"])
        self.assertEqual((precious / "letter").read_text(), "kept")
        done = subprocess.run([PROGRAM, "tune", "copy-memory", "--study=../x", "--trials=1"], cwd=self.root,
                              env=self.environment, capture_output=True, text=True)
        self.assertIn("expected a name without /", done.stderr)

    def test_a_password_is_nowhere_to_be_seen(self):
        url = "postgresql://me:hush@127.0.0.1:9/none"
        self.assertIn("given a URL with a password", self.search(1, f"--storage={url}", code=1))
        (self.root / "url").write_text(url + "\n")
        self.environment["STILLPOINT_STORAGE"] = url
        for more in ([], ["--storage-file=url"]):
            process = self.start(1, "--patience=1", *more)
            self.wait_for(lambda: process.poll() is not None or self.assertNotIn(
                "hush", pathlib.Path(f"/proc/{process.pid}/cmdline").read_text()))
            output = process.communicate()[0]
            self.assertEqual(process.returncode, 75, output)
            self.assertNotIn("hush", output)
            self.assertIn("postgresql://me@127.0.0.1", output)


class OnPostgres(Case):
    """with_postgres.sh sets the server's URL and its folder."""

    def setUp(self):
        if "STILLPOINT_TEST_POSTGRES" not in os.environ:
            self.skipTest("no server named by STILLPOINT_TEST_POSTGRES")
        super().setUp()
        self.environment["STILLPOINT_STORAGE"] = os.environ["STILLPOINT_TEST_POSTGRES"]
        self.url = os.environ["STILLPOINT_TEST_POSTGRES"].replace("postgresql:", "postgresql+psycopg2:")
        with contextlib.suppress(KeyError):
            optuna.delete_study(study_name="copy-memory-single", storage=self.url)

    def test_racing_workers_start_no_more_than_asked_for(self):
        Searches.test_racing_workers_start_no_more_than_asked_for(self)

    def test_killed_workers_lose_nothing(self):
        Searches.test_workers_and_trainers_killed_at_any_moment_lose_nothing(self)

    def test_a_server_that_restarts_or_freezes_ends_no_worker(self):
        data = pathlib.Path(os.environ["STILLPOINT_TEST_POSTGRES_DATA"])
        process = self.start(6, "--workers=2", scheduler="none", train_sequences=200, heartbeat=1)
        self.wait_for(lambda: (self.folder / "00001/checkpoint.safetensors").exists())
        subprocess.run(os.environ["STILLPOINT_TEST_POSTGRES_RESTART"], shell=True, check=True, stdout=subprocess.DEVNULL)
        time.sleep(1)
        self.freeze(data, 4)
        output = process.communicate(timeout=200)[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("tried again", output)
        self.assertEqual(self.check_ended(6), 6, output)

    def freeze(self, data, seconds):
        server = int((data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in [server, *map(int, children)]:
                self.kill(pid, number)
            time.sleep(seconds if number == signal.SIGSTOP else 0)

    def test_a_server_that_stays_frozen_is_an_error_after_a_while(self):
        data = pathlib.Path(os.environ["STILLPOINT_TEST_POSTGRES_DATA"])
        process = self.start(2, "--patience=2", scheduler="none", train_sequences=200)
        self.wait_for(lambda: (self.folder / "00000/checkpoint.safetensors").exists())
        self.freeze(data, 15)
        output = process.communicate(timeout=100)[0]
        self.assertEqual(process.returncode, 75, output)
        self.assertIn("the server has not answered for 2 s", output)
        self.search(2, scheduler="none", train_sequences=200)
        self.check_ended(2)


if __name__ == "__main__":
    optuna.logging.set_verbosity(logging.WARNING)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")
