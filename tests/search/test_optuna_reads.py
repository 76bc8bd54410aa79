"""Exchanges studies with Optuna: it opens ours as they are and adds to them, and we open its own.

test_optuna_reads.py TEST_SEARCH; in an SQLite file, or on the empty PostgreSQL server that the environment's
STILLPOINT_TEST_POSTGRES names.
"""
import datetime
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import warnings

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json


def word(value):
    if value is None:
        return None
    return value if math.isfinite(value) else str(value)


def utc(time):
    if time is None:
        return ""
    return time.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")


def described(study):
    """The study as Optuna sees it, in the form of test_study_optuna.cpp."""
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    return {
        "user": study.user_attrs,
        "system": study._storage.get_study_system_attrs(study._study_id),
        "direction": study.direction.name,
        "best": study.best_trial.number if complete else None,
        "trials": [
            {
                "number": t.number,
                "state": t.state.name,
                "value": word(t.value),
                "params": t.params,
                "distributions": {k: distribution_to_json(d) for k, d in t.distributions.items()},
                "intermediate": {str(k): word(v) for k, v in t.intermediate_values.items()},
                "user": t.user_attrs,
                "system": t.system_attrs,
                "started": utc(t.datetime_start),
                "ended": utc(t.datetime_complete),
            }
            for t in study.trials
        ],
    }


def padded(time):  # PostgreSQL drops zeros at the end of a second's fraction
    return time if not time else (time + ("" if "." in time else ".")).ljust(26, "0")


def check_same(ours, theirs):
    for description in (ours, theirs):
        for trial in description["trials"]:
            trial["started"], trial["ended"] = padded(trial["started"]), padded(trial["ended"])
    assert len(ours["trials"]) == len(theirs["trials"]), (len(ours["trials"]), len(theirs["trials"]))
    for a, b in zip(ours["trials"], theirs["trials"]):
        assert list(a["params"]) == list(b["params"]), (a, b)  # in the same order as well
        assert a == b, f"\n{a}\n{b}"
    assert ours == theirs, f"\n{ours}\n{theirs}"


def suggest_all(trial):
    """The space of tests/search/storage.h."""
    trial.suggest_float("rate", 1e-5, 0.1, log=True)
    trial.suggest_float("momentum", 0, 1)
    trial.suggest_float("drop", 0, 1, step=0.25)
    trial.suggest_int("width", 1, 64, log=True)
    trial.suggest_int("depth", 2, 10, step=4)
    trial.suggest_categorical("kind", ["sim", "deq \u00e9", None, True, 3, 2.5])


def add_trials(study):
    """Every state, by ask and tell, enqueue_trial and add_trial."""
    for value in (0.5, -2.0, float("inf")):
        trial = study.ask()
        suggest_all(trial)
        trial.report(value, 0)
        trial.report(float("nan"), 3)
        trial.set_user_attr("note", {"a": [1, None, "\u00e9"]})
        study.tell(trial, value)
    for state in (optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL):
        trial = study.ask()
        suggest_all(trial)
        study.tell(trial, state=state)
    study.enqueue_trial({"rate": 0.0625, "kind": None, "depth": 10}, user_attrs={"mine": True})
    study.enqueue_trial({"rate": 3.0})  # outside the space


def schema(url):
    """Tables, columns, types, keys and indices as SQLAlchemy sees them."""
    inspector = sqlalchemy.inspect(sqlalchemy.create_engine(url))
    found = {}
    for table in sorted(inspector.get_table_names()):
        columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)]
        unique = sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(table))
        foreign = sorted((tuple(f["constrained_columns"]), f["referred_table"]) for f in inspector.get_foreign_keys(table))
        indices = sorted((i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(table))
        checks = sorted(c["sqltext"].strip("() ").replace(" ", "") for c in inspector.get_check_constraints(table))
        primary = inspector.get_pk_constraint(table)["constrained_columns"]
        found[table] = (columns, primary, unique, foreign, indices, checks)
    return found


def run(program, url, name, half, folder):
    """What our side says of the study."""
    path = os.path.join(folder, "ours.json")
    environment = dict(os.environ, STILLPOINT_OPTUNA_STORAGE=url, STILLPOINT_OPTUNA_NAME=name, STILLPOINT_OPTUNA_JSON=path)
    subprocess.run([program, f"[{half}]"], env=environment, check=True)
    with open(path) as file:
        return json.load(file)


def goes_on(program, url, name, folder):
    """Our side reads what Optuna has left, and takes the study to 20 trials."""
    before = described(optuna.load_study(study_name=name, storage=url))
    check_same(run(program, url, name, "optuna-read", folder), before)
    study = optuna.load_study(study_name=name, storage=url)
    states = [t.state.name for t in study.trials]
    assert "WAITING" not in states and "RUNNING" not in states, states
    fixed = [t for t in study.trials if t.user_attrs.get("mine")]
    assert len(fixed) == 1 and fixed[0].state.name == "COMPLETE"
    assert (fixed[0].params["rate"], fixed[0].params["kind"], fixed[0].params["depth"]) == (0.0625, None, 10)
    outside = [t for t in study.trials if t.system_attrs.get("fixed_params") == {"rate": 3.0}]
    assert len(outside) == 1 and outside[0].state.name == "FAIL" and "rate" in outside[0].user_attrs["error"]
    retried = {n for t in study.trials for n in t.system_attrs.get("retry_history", [])}
    assert len(study.trials) - len(retried) == 20, (len(study.trials), retried)


def main():
    program = sys.argv[1]
    optuna.logging.set_verbosity(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        url = os.environ.get("STILLPOINT_TEST_POSTGRES", f"sqlite:///{folder}/study.db")
        url = url.replace("postgresql:", "postgresql+psycopg2:")  # SQLAlchemy 2.1 would take another driver
        ours = run(program, url, "ours", "optuna-write", folder)
        storage = optuna.storages.RDBStorage(url)  # raises where it wants an upgrade
        assert storage.get_current_version() == storage.get_head_version()
        study = optuna.load_study(study_name="ours", storage=storage)
        check_same(ours, described(study))
        assert study.best_trial.number == 1
        assert optuna.storages.RetryFailedTrialCallback.retried_trial_number(study.trials[6]) == 5
        add_trials(study)
        goes_on(program, url, "ours", folder)
        if url.startswith("sqlite"):
            url_of_theirs = f"sqlite:///{folder}/theirs.db"
            theirs = optuna.create_study(study_name="theirs", storage=url_of_theirs)
            assert schema(url) == schema(url_of_theirs), f"\n{schema(url)}\n{schema(url_of_theirs)}"
        else:
            url_of_theirs = url
            theirs = optuna.create_study(study_name="theirs", storage=url_of_theirs)
        add_trials(theirs)
        goes_on(program, url_of_theirs, "theirs", folder)
    print("Optuna", optuna.__version__, "and we agree on", url.split(":")[0])


if __name__ == "__main__":
    main()
