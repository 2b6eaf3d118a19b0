"""Start an emulated UR controller for a test, wait for what it does, and be sure that it ends."""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time

READY_LIMIT_S = 20.0


@contextlib.contextmanager
def emulator(address: str, *options: str) -> Iterator[subprocess.Popen]:
    """Run ``perl_sim.ur_controller`` at an address while the block lasts.

    Args:
        address: 127.x.x.x, one that no other test uses.
        options: further command-line options.

    Yields:
        The process; its pid is that of the emulator itself, its stderr goes to the test's.
    """
    process = subprocess.Popen(
        [sys.executable, '-m', 'perl_sim.ur_controller', '--address', address, *options],
        stdout=subprocess.PIPE, start_new_session=True, preexec_fn=_die_with_the_tests,
    )
    try:
        _await_ready(process, address)
        yield process
    finally:
        _end(process)


def wait_until(condition: Callable[[], object], limit_s: float = 10.0) -> bool:
    """Return whether the condition came true within the limit."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.005)
    return True


def _die_with_the_tests() -> None:
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _await_ready(process: subprocess.Popen, address: str) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(READY_LIMIT_S):
            raise TimeoutError(f'the emulator at {address} was not ready in {READY_LIMIT_S} s')
    line = process.stdout.readline().decode().strip()
    if line != f'ready {address}':
        raise RuntimeError(f'the emulator said {line!r}; expected "ready {address}"')


def _end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(5.0)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
