"""What all parts of a search say, and how they end."""
import os
import sys

LASTING, INTERRUPTED = 75, 130  # exit codes: a fault of the machine lasts; Ctrl-C


def fail(text, code=1):
    print(f"stillpoint: tune: {text}", file=sys.stderr, flush=True)
    sys.exit(code)


try:
    import optuna
    import sqlalchemy  # noqa: F401
except ImportError as missing:
    fail(f"given {sys.executable}, which lacks {missing.name}, expected a Python with Optuna 4 or later; install it with\n"
         f"  {sys.executable} -m pip install 'optuna>=4,<6'\nor name another Python in STILLPOINT_PYTHON")


class Output:
    whole = True  # false where a line could not be written: the exit code tells it


def say(text):
    """A line of output. A search goes on without them."""
    try:
        print(text, flush=True)
    except OSError:
        Output.whole = False
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_special(path):
    """Whether something stands there that is no regular file: opening a pipe would wait for its other end."""
    return os.path.exists(path) and not os.path.isfile(path)


class Lasting(Exception):
    """A fault of the machine that outlasts the plan's patience."""


class Lost(Exception):
    """The trial is another worker's by now."""
