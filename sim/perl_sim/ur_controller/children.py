"""Processes beside the controller: they end with it, and never hold it up."""

from collections.abc import Iterator
import contextlib
import ctypes
import signal
import subprocess
import sys

END_LIMIT_S = 0.3
"""A child that does not end by itself so soon is killed. Own choice: all ends within a second."""


@contextlib.contextmanager
def child(module: str, *options: str) -> Iterator[subprocess.Popen]:
    """Run a module of this package while the block lasts; it dies with this process.

    Args:
        module: name of the module in this package.
        options: of its command line.
    """
    process = subprocess.Popen(
        [sys.executable, '-m', f'{__package__}.{module}', *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=_end_with_the_parent,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_the_parent() -> None:
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
