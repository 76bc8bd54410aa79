"""A study that many workers share: decides who runs which trial, and finds workers that are gone."""
import contextlib
import copy
import json
import pathlib
import time
import urllib.parse
import uuid

import optuna
from common import Lasting, Lost, fail, say
from draws import distributions, sampler
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from storage import STORAGE_FAULTS, Retry, name_of, open_storage


def history(trial):
    """Returns the numbers of the trials that this one retries."""
    numbers = trial.system_attrs.get("retry_history", [])
    return [n for n in numbers if isinstance(n, int) and n >= 0] if isinstance(numbers, list) else []


class Search:
    def __init__(self, plan):
        self.plan, self.asked, self.worker = plan, False, uuid.uuid4().hex
        self.folder = pathlib.Path(plan["folder"])
        self.distributions = distributions(plan)
        self.seen = {}  # of running trials: the last sign of life, and its age in seconds
        self.looked, self.storage_name = time.monotonic(), name_of(plan["storage"])
        self.steady(self.open)

    def open(self):
        pruner = optuna.pruners.NopPruner()
        if self.plan["halving"]:
            pruner = optuna.pruners.SuccessiveHalvingPruner(self.plan["grace"], self.plan["reduction"])
        storage, self.lock = open_storage(self.plan)
        self.study = optuna.create_study(storage=storage, study_name=self.plan["study"], direction=self.plan["direction"],
                                         sampler=sampler(self.plan, 0), pruner=pruner, load_if_exists=True)
        self.storage, self.close = self.study._storage, lambda: None
        if hasattr(storage, "engine"):
            self.close = lambda: (storage.remove_session(), storage.engine.dispose())

    def steady(self, call, *arguments):
        """Returns what call() returns; waits and tries again after faults of the storage."""
        begun, pause = time.monotonic(), 0.25
        while True:
            try:
                return call(*arguments)
            except STORAGE_FAULTS as error:
                said = str(error.__cause__ or error).strip().split("\n")[0]
                password = urllib.parse.urlsplit(self.plan["storage"]).password
                said = said.replace(password, "...") if password else said
                if time.monotonic() - begun >= (5 if self.asked else self.plan["patience"]):
                    raise Lasting(f"{self.storage_name}: {said}") from None
                if pause == 0.25:
                    say(f"{self.storage_name}: {said}; tried again")
                time.sleep(pause)
                pause = min(2 * pause, 30)

    def agree(self):
        """Stores how the study searches, and fails if this worker would search in another way."""
        plan = self.plan
        halving = {"asha": {"grace": plan["grace"], "reduction": plan["reduction"]}} if plan["halving"] else "none"
        given = {"task": plan["task"], "metric": plan["metric"], "settings": plan["agreed"], "seed": plan["seed"],
                 "draws": {name: json.loads(optuna.distributions.distribution_to_json(d))
                           for name, d in self.distributions.items()},
                 "scheduler": halving, "most": plan["most"], "sampler": plan["sampler"]}
        with self.lock():
            stored, trials = self.study.user_attrs, self.study.get_trials(deepcopy=False)
            if not trials and (self.folder / "00000").exists():
                fail(f"given folder {self.folder} with the runs of another study than {plan['study']}, expected one for "
                     f"each; choose another --folder")
            if self.study.direction.name.lower() != plan["direction"]:
                stored["direction"], given["direction"] = self.study.direction.name.lower(), plan["direction"]
            for key, value in given.items():
                if key not in stored:
                    self.study.set_user_attr(key, value)
                elif stored[key] != value:
                    fail(f"study '{plan['study']}': given {key} = {json.dumps(value)}, expected {json.dumps(stored[key])} as "
                         f"it was created; choose another --study and --folder for another search")

    def running(self):
        return [t for t in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) if "alive" in t.user_attrs]

    def look(self):
        """Fails the trials of workers that are gone. Neither clocks of other machines count, nor time in which this process
        did not run: a worker is gone if its sign of life has not changed over some time of looking."""
        now = time.monotonic()
        passed, self.looked = min(now - self.looked, self.plan["heartbeat"]), now
        seen = {}
        for trial in self.running():
            before, silent = self.seen.get(trial.number, (None, 0))
            seen[trial.number] = (trial.user_attrs["alive"], silent + passed if before == trial.user_attrs["alive"] else 0)
        self.seen = seen
        gone = [number for number, (_, silent) in seen.items() if silent > 4 * self.plan["heartbeat"]]
        if gone:
            with self.lock():
                for trial in self.running():
                    if trial.number in gone and trial.user_attrs["alive"] == seen[trial.number][0]:
                        again = self.fail_once_more(trial._trial_id, trial, "no worker survives it")
                        say(f"trial {trial.number}: its worker is silent; "
                              f"{'it is tried again' if again else 'tried too often, given up'}")

    def fail_once_more(self, trial_id, trial, reason):
        """Fails a trial; claim() then retries it, unless it was retried too often and so gets an `error`."""
        tries = len(history(trial)) + 1
        with contextlib.suppress(UpdateFinishedTrialError):
            if tries > self.plan["retries"]:
                self.storage.set_trial_user_attr(trial_id, "error", f"{reason}, {tries} times")
            self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
        return tries <= self.plan["retries"]

    def claim(self):
        """Returns the next trial, which has a sign of life already, or None if as many as asked for have started."""
        with self.lock():
            optuna.storages.fail_stale_trials(self.study)  # trials of other programs, which use Optuna's heartbeat
            trials = self.study.get_trials(deepcopy=False)
            retried = {number for t in trials for number in history(t)}
            for t in trials:
                if (t.state == TrialState.FAIL and t.number not in retried and "alive" in t.user_attrs
                        and "error" not in t.user_attrs):
                    Retry(None, inherit_intermediate_values=True)(self.study, copy.deepcopy(t))
                    retried.add(t.number)
            trials = self.study.get_trials(deepcopy=False)
            alive = [self.worker, 0]
            mine = [t for t in trials if t.state == TrialState.RUNNING and t.user_attrs.get("alive") == alive]
            if mine:  # an earlier call claimed it, but its answer was lost with the connection
                return optuna.trial.Trial(self.study, mine[0]._trial_id)
            if sum(t.state != TrialState.WAITING and t.number not in retried for t in trials) >= self.plan["trials"]:
                return None
            waiting = [t for t in trials if t.state == TrialState.WAITING]
            self.study.sampler = sampler(self.plan, waiting[0].number if waiting else len(trials))
            if waiting:
                self.storage.set_trial_user_attr(waiting[0]._trial_id, "alive", alive)
            else:
                self.study.enqueue_trial({}, user_attrs={"alive": alive})
            return self.study.ask(self.distributions)

    def tell(self, trial, value=None, state=None, error=None):
        def once():
            if error:
                trial.set_user_attr("error", error)
            self.study.tell(trial, value, state=state)
        try:
            self.steady(once)
        except (ValueError, UpdateFinishedTrialError):
            if self.steady(self.storage.get_trial, trial._trial_id).state != (state or TrialState.COMPLETE):
                raise Lost from None
