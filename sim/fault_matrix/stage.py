"""The processes of one trial: the emulated arm with its trace, the stack, and what they leave."""

from collections.abc import Callable, Mapping
import contextlib
import ctypes
import os
from pathlib import Path
import select
import signal
import subprocess
import sys
from typing import NamedTuple, Self

from fault_matrix.driver_node import wait_until
from perl_bringup.runner import environment_of_stack
from perl_core.errors import RobotError
from perl_sim.ur_controller.control_server import ask
from perl_sim.ur_controller.trace import TraceReader

READY_S = 30.0
END_S = 15.0
"""From the death of a process to the end of the stack; the manager deactivates within it."""
PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""
_LIBC = ctypes.CDLL(None)


class StackSpec(NamedTuple):
    """What a stack is started with."""

    words: tuple[str, ...] = ()
    """Further arguments, name:=value."""
    environment: Mapping[str, str] = {}
    """Over that of the caller."""


class Stage:
    """One emulated arm at one address, and at most one stack for it."""

    def __init__(self, address: str, folder: Path) -> None:
        """Prepare; nothing is started.

        Args:
            address: 127.x.x.x of the arm.
            folder: for bags, logs and the trace.
        """
        self.address, self.folder = address, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.bag = folder / 'bag'
        self._stacks = 0
        self._pids: dict[str, int] = {}
        self._emulator: subprocess.Popen | None = None
        self._stack: subprocess.Popen | None = None
        self._log = folder / 'stack.log'

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.end_stack()
        self.end_emulator()

    @property
    def has_stack(self) -> bool:
        """Whether the stack runs."""
        return self._stack is not None and self._stack.poll() is None

    @property
    def has_emulator(self) -> bool:
        """Whether the emulated arm runs."""
        return self._emulator is not None and self._emulator.poll() is None

    @property
    def words_of_stack(self) -> list[str]:
        """What the stack has said, line by line."""
        return self._log.read_text(errors='replace').splitlines() if self._log.exists() else []

    def start_emulator(self, *options: str) -> None:
        """Start the arm, and its trace anew."""
        self.end_emulator()
        trace = self.folder / 'trace'
        emulator = self._emulator = _spawn(
            ['-m', 'perl_sim.ur_controller', '--address', self.address, '--no-status',
             '--trace', str(trace), *options], {}, True, self.folder / 'emulator.log')
        ready = select.select([emulator.stdout], [], [], READY_S)[0]
        if not ready or not emulator.stdout.readline().startswith(b'ready'):  # type: ignore[union-attr]
            raise RobotError(f'the emulated arm at {self.address} did not get ready')
        self.trace = TraceReader(trace)

    def start_stack(self, spec: StackSpec) -> None:
        """Start the stack, recording to a bag of its own; returns before it is ready."""
        self._stacks += 1
        self.bag = self.folder / f'bag_{self._stacks}'
        self._log = self.folder / f'stack_{self._stacks}.log'
        words = (f'robot_ip:={self.address}', 'record:=true', f'bag:={self.bag}', *spec.words)
        self._stack = _spawn(
            ['-m', 'perl_bringup', *words], spec.environment, False, self._log
        )

    def await_end_of_stack(self, limit_s: float = END_S) -> bool:
        """Return whether the stack ended by itself."""
        return wait_until(lambda: not self.has_stack, limit_s)

    def end_stack(self) -> None:
        """End the stack, by force if it does not want to."""
        if self._stack is not None:
            everyone = descendants(self._stack.pid)
            _end(self._stack)
            for pid in filter(is_alive, everyone):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._stack = None

    def end_emulator(self) -> None:
        """End the arm."""
        if self._emulator is not None:
            _end(self._emulator)
        self._emulator = None

    def learn_pids(self) -> None:
        """Find all processes now, because that takes longer than a fault should wait."""
        commands = {pid: command(pid).split() for pid in self.everyone()}
        self._pids = {
            word.removeprefix('__node:='): pid for pid, words in commands.items()
            for word in words if word.startswith('__node:=')
        }
        loops = [pid for pid, words in commands.items() if 'perl_control.loop' in words]
        owners = {'emulator': self._emulator, 'runner': self._stack}
        self._pids |= {name: owner.pid for name, owner in owners.items() if owner is not None}
        if loops:
            self._pids['loop'] = loops[0]

    def pid_of(self, name: str) -> int:
        """Return the process id of a node, 'loop', 'runner' or 'emulator', as learnt.

        Raises:
            RobotError: there is no such process.
        """
        if name not in self._pids:
            raise RobotError(f'there is no process {name}; there are {sorted(self._pids)}')
        return self._pids[name]

    def everyone(self) -> list[int]:
        """Return the process ids of the stack."""
        return [] if self._stack is None else [self._stack.pid, *descendants(self._stack.pid)]

    def leftovers(self, everyone: list[int]) -> list[str]:
        """Return what is left of a stack that ended: living processes, shared memory."""
        wait_until(lambda: not any(map(is_alive, everyone)), 3.0)
        alive = [pid for pid in everyone if is_alive(pid)]
        left = [f'process {pid} {command(pid)}' for pid in alive]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left + [str(path) for path in Path('/dev/shm').glob(f'perl-{self.address}-*')]

    def fault(self, name: str, **arguments: object) -> None:
        """Cause a fault of the emulated controller."""
        ask(self.address, {'do': 'begin', 'fault': name, **arguments})

    def clear_faults(self) -> None:
        """End all faults of the emulated controller."""
        ask(self.address, {'do': 'clear'})


def _spawn(
    words: list[str], environment: Mapping[str, str], piped: bool, log: Path
) -> subprocess.Popen:
    """Start Python in a session of its own, with stderr, and stdout unless piped, to a file."""
    parent = os.getpid()

    def die_with_parent() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    with log.open('ab') as file:
        return subprocess.Popen(
            [sys.executable, *words],
            env=environment_of_stack({**os.environ, **environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else file,
            stderr=file,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def _end(process: subprocess.Popen) -> None:
    ways = ((signal.SIGCONT, 0.0), (signal.SIGTERM, 2.0 * END_S), (signal.SIGKILL, 5.0))
    for number, limit_s in ways:
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(limit_s)
    if process.stdout is not None:
        process.stdout.close()


def descendants(pid: int) -> list[int]:
    """Return the process ids of children, their children, and so on."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f'/proc/{pid}/task').iterdir():
            children = (task / 'children').read_text().split()
            found += [int(child) for child in children]
    return found + [each for child in found for each in descendants(child)]


def command(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    return _read(f'/proc/{pid}/cmdline').replace('\0', ' ')


def is_alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    return _read(f'/proc/{pid}/stat').rpartition(')')[2].split()[:1] not in ([], ['Z'])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors='replace')
    except OSError:
        return ''


Undo = Callable[[], None]
"""Takes a fault back."""
