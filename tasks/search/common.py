"""The messages and exit codes that all parts of a search share."""
import os
import sys

LASTING, INTERRUPTED = 75, 130  # exit codes: after a lasting fault of the machine; after Ctrl-C


def report(text):
    program = sys.argv[1] if len(sys.argv) > 1 else "stillpoint"
    print(f"{program}: tune: {text}", file=sys.stderr, flush=True)


def fail(text, code=1):
    report(text)
    sys.exit(code)


try:
    import optuna
    import sqlalchemy  # noqa: F401
except ImportError as missing:
    fail(f"given {sys.executable}, which lacks {missing.name}, expected a Python with Optuna 4 or later; install it with\n"
         f"  {sys.executable} -m pip install 'optuna>=4,<6'\nor name another Python in STILLPOINT_PYTHON")


class Output:
    whole = True  # false if a line could not be written; the exit code then reports it


def say(text):
    """Prints a line of output. A search continues if that fails."""
    try:
        print(text, flush=True)
    except OSError:
        Output.whole = False
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_special(path):
    """Returns whether the path exists and is not a regular file. Opening a pipe would wait for its other end."""
    return os.path.exists(path) and not os.path.isfile(path)


class Lasting(Exception):
    """A fault of the machine that outlasts the plan's patience."""


class Lost(Exception):
    """Another worker has taken over the trial."""
