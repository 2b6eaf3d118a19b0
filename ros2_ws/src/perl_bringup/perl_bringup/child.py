"""One supervised process: its own group, its lines passed on, its death told, never outlived."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from typing import IO, Literal

from perl_core.errors import PerlError

PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""
_DRAIN_S = 0.5
_GROUP_GRACE_S = 1.0
_SEVERE = re.compile(r'^\[(ERROR|FATAL)\]')
_SEVERITY = re.compile(r'^\[\w+\]\s*')
_LIBC = ctypes.CDLL(None, use_errno=True)

Stream = Literal['out', 'err']


class StackError(PerlError):
    """A process of the stack that cannot be started."""


class Child:
    """A process that was started here.

    Must be made by the main thread: the kernel ties PR_SET_PDEATHSIG to the thread that forks.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_line: Callable[['Child', Stream, str], None],
        on_exit: Callable[['Child'], None],
    ) -> None:
        """Start the process.

        Args:
            name: for messages.
            command: program and words.
            environment: all of it.
            on_line: called from reader threads with every line.
            on_exit: called from a thread of its own when the process has ended.

        Raises:
            StackError: the program cannot be run.
        """
        self.name = name
        self._last = {'severe': '', 'err': ''}
        parent = os.getpid()
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),
                text=True,
                errors='replace',
            )
        except OSError as error:
            raise StackError(f'{name} cannot be started: {command[0]}: {error}') from error
        self._ended = threading.Event()
        self._on_line, self._on_exit = on_line, on_exit
        pipes: tuple[tuple[Stream, IO[str] | None], ...] = (
            ('out', self._process.stdout), ('err', self._process.stderr),
        )
        self._readers = [
            threading.Thread(target=self._read, args=pair, name=f'{name}-{pair[0]}', daemon=True)
            for pair in pipes
        ]
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._await_end, name=f'{name}-end', daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended, by itself or not."""
        return self._ended.is_set()

    def obituary(self) -> str:
        """Return one sentence on how it ended and what it last said."""
        code = self._exit_code()
        how = f'ended with exit code {code}' if code >= 0 else f'was ended by {_signal(-code)}'
        last = _SEVERITY.sub('', self._last['severe'] or self._last['err'])
        return f'{self.name} {how}' + (f': {last}' if last else '')

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> bool:
        """Return whether it ended within the time."""
        return self._ended.wait(timeout_s)

    def kill(self) -> None:
        """End it and all of its group at once (SIGKILL)."""
        self._signal_group(signal.SIGKILL)

    def reap(self) -> None:
        """Let the ended process go, and end what it left behind in its group.

        What it left may be an arm's control loop on its way to a stop: SIGTERM and a grace first.
        """
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + _GROUP_GRACE_S
        while _others_in_group(self.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(_DRAIN_S)

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _signal_group(self, number: signal.Signals) -> None:
        # The leader is not reaped before reap() is done, so the id cannot belong to others.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _read(self, stream: Stream, pipe: IO[str]) -> None:
        for line in pipe:
            text = line.rstrip()
            if stream == 'err' and text:
                self._last['err'] = text
                if _SEVERE.match(text):
                    self._last['severe'] = text
            self._on_line(self, stream, text)

    def _await_end(self) -> None:
        # WNOWAIT leaves the zombie, whose id keeps naming the group until reap().
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        for reader in self._readers:
            reader.join(_DRAIN_S)
        self._ended.set()
        self._on_exit(self)

    def _exit_code(self) -> int:
        if self._process.returncode is not None:
            return self._process.returncode
        end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if end is None:
            raise StackError(f'{self.name} has not ended')
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status


def _die_with(parent: int) -> None:
    """Between fork and exec: end when the parent does, even if it already has."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def _others_in_group(group: int) -> bool:
    """Return whether a living process other than the leader is in the group."""
    for entry in os.scandir('/proc'):
        if not entry.name.isdigit() or int(entry.name) == group:
            continue
        with contextlib.suppress(OSError), open(f'/proc/{entry.name}/stat') as file:
            state, _, process_group = file.read().rpartition(')')[2].split()[:3]
            if int(process_group) == group and state != 'Z':
                return True
    return False


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'
