"""Runs the search of `stillpoint tune`: draws settings, trains with them, and stops the trials that fall behind.

The program hands over its plan, a JSON object. Optuna keeps the study and decides. Every trial is a process `stillpoint
train`; the search reads its metrics.jsonl and stops it by a signal.
"""
import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import sys
import time
import warnings

import optuna
from common import INTERRUPTED, LASTING, Lasting, Output, fail, is_special, report, say
from draws import drawn, sampler
from optuna.trial import TrialState
from study import Search
from trial import TrialRun, death_signal, write


def work(plan):
    """Runs trials until all trials of the plan have ended."""
    death_signal()
    search = None

    def ask(*_):
        if search is None or search.asked:
            os._exit(INTERRUPTED)
        search.asked = True
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    search, since, pause = Search(plan), None, 0.5
    while not search.asked:
        others = search.steady(search.running)  # asked first, so that a trial that one of them leaves behind can be claimed
        trial = search.steady(search.claim)
        if trial is not None:
            fault = TrialRun(search, trial).run()
            if fault is None:
                since, pause = None, 0.5
                continue
            since = since or time.monotonic()
            if time.monotonic() - since >= plan["patience"]:
                raise Lasting(fault)
            until = time.monotonic() + pause
            pause = min(2 * pause, 60)
            while time.monotonic() < until and not search.asked:
                time.sleep(0.1)
        elif others:
            search.steady(search.look)
            time.sleep(min(1, plan["heartbeat"]))
        else:
            return 0
    return INTERRUPTED


def start_worker(plan):
    worker = os.fork()
    if worker:
        return worker
    code = 1
    try:
        os.setpgid(0, 0)  # a terminal's Ctrl-C reaches only the parent, which passes it on
        code = work(plan) or int(not Output.whole)
    except Lasting as fault:
        code = LASTING
        report(f"{fault}; it lasted {plan['patience']:g} s (--patience). No trial has failed because of it: mend it and give the same "
               f"command")
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code if isinstance(code, int) else 1)


def supervise(plan):
    """Starts the workers, restarts those that a signal ended, and passes Ctrl-C on."""
    workers, asked, result, restarts = set(), [], 0, 10 * plan["workers"]

    def ask(*_):
        if len(asked) > 1:
            os._exit(INTERRUPTED)
        asked.append(True)
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)
    while len(workers) < plan["workers"]:
        workers.add(start_worker(plan))
    while workers:
        worker, status = os.wait()
        workers.discard(worker)
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and not asked and restarts > 0:
            say(f"worker {worker} was ended by signal {-code}; started again")
            restarts -= 1
            workers.add(start_worker(plan))
        elif code != 0 and result == 0:
            result = code if code > 0 else 128 - code
    return result


def summarise(plan):
    """Reports the results, and writes the best settings to best.json. Returns False if no trial is complete."""
    search = Search(plan)
    trials = search.steady(search.study.get_trials)
    count = lambda state: sum(t.state == state for t in trials)
    for t in trials:
        if t.state == TrialState.FAIL and "error" in t.user_attrs:
            say(f"trial {t.number} failed: {t.user_attrs['error']}")
    running = count(TrialState.RUNNING)
    say(f"study {plan['study']} in {search.storage_name}: {count(TrialState.COMPLETE)} trials complete, "
          f"{count(TrialState.PRUNED)} stopped early, {count(TrialState.FAIL)} failed, {count(TrialState.WAITING)} to be resumed"
          + (f", {running} running elsewhere" if running else ""))
    for t in trials:
        if t.state == TrialState.RUNNING and "alive" not in t.user_attrs:
            say(f"trial {t.number} is another program's, gives no signs of life, and was not waited for")
    if not count(TrialState.COMPLETE):
        say("no trial is complete")
        return False
    best = search.study.best_trial
    settings, run = {**plan["fixed"], **best.params}, search.folder / f"{best.number:05d}" / "config.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        settings = settings if is_special(run) else json.loads(run.read_text())["config"]
    write(search.folder / "best.json", json.dumps(settings, indent=2) + "\n")
    say(f"best: trial {best.number}, valid {plan['metric']} {best.value:.4g}\n{json.dumps(best.params, indent=2)}\n"
          f"Train with its settings:\n  {os.path.basename(plan['program'])} train {plan['task']} --config {shlex.quote(str(search.folder / 'best.json'))}")
    return True


def bytes_of_path(text):
    """Decodes a path in which U+0000 and two digits stand for a byte that is not UTF-8 (engine/words.h)."""
    return os.fsdecode(re.sub(b"\0([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode()))


def main(plan):
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # for names that are not UTF-8
    for key in ("program", "folder", "storage"):
        plan[key] = bytes_of_path(plan[key])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    sampler(plan, 0)  # reports missing packages before anything is written
    if plan["dry"]:
        say(f"study {plan['study']} in {plan['folder']}: {plan['trials']} trials by {plan['workers']} workers, drawn by "
              f"{plan['sampler']}; nothing was started")
        for number in range(min(plan["trials"], 10) if plan["sampler"] == "random" else 0):
            say(f"trial {number}: {json.dumps(drawn(plan, number))}")
        return 0
    try:
        pathlib.Path(plan["folder"]).mkdir(parents=True, exist_ok=True)
        search = Search(plan)
        search.steady(search.agree)
        search.close()  # no connection crosses the fork
        code = supervise(plan)
        found = summarise(plan)
        return code or int(not found or not Output.whole)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Lasting, OSError) as fault:
        fail(f"{fault}; mend it and give the same command", LASTING)
