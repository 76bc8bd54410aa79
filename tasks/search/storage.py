"""Opens the storage of a study, and the lock under which its workers decide."""
import contextlib
import fcntl
import functools
import os
import select
import sqlite3
import sys
import time
import urllib.parse
import zlib

import optuna
import sqlalchemy
from common import fail, is_special
from optuna.storages.journal import JournalFileBackend

Retry = getattr(optuna.storages, "RetryHeartbeatStaleTrialCallback", None) or optuna.storages.RetryFailedTrialCallback
STORAGE_FAULTS = (OSError, sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, sqlite3.Error)
try:
    import psycopg2
    import psycopg2.extensions
    STORAGE_FAULTS += (psycopg2.Error,)
except ImportError:
    psycopg2 = None  # only a study on PostgreSQL needs it


class Flock:
    """A lock file that the system releases however its owner ends. A journal's last line, if a killed writer left it torn,
    is cut off under the lock, because Optuna would read no further."""

    def __init__(self, path, journal=None):
        self.path, self.journal = path, journal

    def acquire(self):
        self.file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        deadline = time.monotonic() + 60
        while True:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(self.file)
                    raise TimeoutError(f"{self.path} has been held by another worker for a minute") from None
                time.sleep(0.01)
        if self.journal and os.path.exists(self.journal):
            with open(self.journal, "rb+") as file:
                end = file.seek(0, os.SEEK_END)
                start = max(0, end - (1 << 20))
                file.seek(start)
                whole = start + file.read().rfind(b"\n") + 1
                if whole < end:
                    file.truncate(whole)
        return True

    def release(self):
        os.close(self.file)

    __enter__ = acquire

    def __exit__(self, *error):
        self.release()


def answer_in_time(seconds, connection):
    """A wait_callback of psycopg2: raises an error if a server does not answer in time."""
    wanted = {psycopg2.extensions.POLL_READ: ([connection], []), psycopg2.extensions.POLL_WRITE: ([], [connection])}
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        if not any(select.select(*wanted[state], [], seconds)):
            raise psycopg2.OperationalError(f"the server has not answered for {seconds:g} s")


def name_of(url):
    """Returns the URL for messages, without a password."""
    if not url.startswith("postgres"):
        return url.removeprefix("sqlite:///")
    parts = urllib.parse.urlsplit(url)
    return f"postgresql://{parts.username or ''}@{parts.hostname or ''}{parts.path}"


def refuse_special(path):
    if is_special(path):
        fail(f"given {path}, which is not a regular file, expected the file of a study; name another storage")


def open_storage(plan):
    """Returns (Optuna's storage, the lock under which workers decide)."""
    url = plan["storage"]
    if url.startswith("journal:") or (url.endswith(".log") and "://" not in url):
        path = url.removeprefix("journal:")
        refuse_special(path)
        return (optuna.storages.JournalStorage(JournalFileBackend(path, Flock(path + ".lock", path))),
                lambda: Flock(path + ".claims"))
    heartbeat = {"heartbeat_interval": max(1, round(plan["heartbeat"])), "grace_period": max(1, round(4 * plan["heartbeat"])),
                 "skip_compatibility_check": False}
    heartbeat["heartbeat_stale_trial_callback" if hasattr(optuna.storages, "RetryHeartbeatStaleTrialCallback") else
              "failed_trial_callback"] = Retry(plan["retries"], inherit_intermediate_values=True)
    if url.startswith("sqlite:///") or "://" not in url:
        path = url.removeprefix("sqlite:///")
        refuse_special(path)
        connect = lambda: sqlite3.connect(path, timeout=60, check_same_thread=False)
        return (optuna.storages.RDBStorage("sqlite:///study", engine_kwargs={"creator": connect}, **heartbeat),
                lambda: Flock(path + ".claims"))
    rest = url.split("://", 1)[1]
    if psycopg2 is None:
        fail(f"given {name_of(url)}, expected a Python with psycopg2; install it with\n"
             f"  {sys.executable} -m pip install psycopg2-binary")
    psycopg2.extensions.set_wait_callback(functools.partial(answer_in_time, min(30, plan["patience"])))
    options = "-c timezone=UTC -c statement_timeout=60s -c lock_timeout=60s -c idle_in_transaction_session_timeout=60s"
    given = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).get("options", [""])[0]
    arguments = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
                 "options": f"{options} {given}"}
    storage = optuna.storages.RDBStorage("postgresql+psycopg2://" + rest.replace("{", "{{").replace("}", "}}"), **heartbeat,
                                         engine_kwargs={"pool_pre_ping": True, "connect_args": arguments})

    @contextlib.contextmanager
    def lock():
        with storage.engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"),
                               {"key": zlib.crc32(plan["study"].encode())})
            yield
    return storage, lock
