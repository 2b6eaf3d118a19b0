"""Runs a resolved stack as supervised processes, where ``launch`` is not installed."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import json
import os
from pathlib import Path
import queue
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import NamedTuple, Self, TextIO

from perl_bringup.child import Child, StackError, Stream
from perl_bringup.stack import ProcessSpec, Value

READY_TIMEOUT_S = 30.0
"""A process that has not said that it is ready by then is given up."""
STOP_TIMEOUT_S = 4.0
"""From SIGTERM to SIGKILL; the lifecycle manager deactivates within it."""


class Ending(NamedTuple):
    """Why the stack ends."""

    sentence: str
    """For people."""
    exit_code: int
    """0 if it was asked to."""


def environment_of_stack(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with what ROS from wheels needs, and nothing heard beyond loopback.

    Whatever the caller has set stays.
    """
    ours = {
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'RCUTILS_CONSOLE_OUTPUT_FORMAT': '[{severity}] {message}',
        'PYTHONUNBUFFERED': '1',
    }
    if (Path(sys.prefix) / 'share' / 'ament_index').is_dir():
        ours['AMENT_PREFIX_PATH'] = sys.prefix
    return {**ours, **environment}


def command_of(spec: ProcessSpec) -> list[str]:
    """Return the command that runs a resolved process with this Python."""
    command = [sys.executable, '-m', spec.module, *map(str, spec.arguments)]
    if spec.kind == 'program':
        return command
    command += ['--ros-args', '-r', f'__node:={spec.name}', '--log-level', spec.log_level]
    command += ['--enclave', spec.enclave]
    for file in spec.parameter_files:
        command += ['--params-file', file]
    for name, value in spec.parameters.items():
        command += ['-p', f'{name}:={_yaml(value)}']
    return command


class Runner:
    """Starts processes in order, watches them, stops them in reverse order.

    The death of one ends all. Use it as a context manager, in the main thread.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        environment: Mapping[str, str],
        *,
        output: TextIO | None = None,
    ) -> None:
        """Remember what to run.

        Args:
            specs: what ``perl_bringup.stack.resolve`` returned.
            environment: of the processes.
            output: takes every line; standard output and standard error if None.
        """
        self._specs = tuple(specs)
        self._environment = environment_of_stack(environment)
        self._children: list[Child] = []
        self._ready: set[str] = set()
        self._events: queue.SimpleQueue[Ending | None] = queue.SimpleQueue()
        self._ending: Ending | None = None
        self._stopping = False
        self._streams = {'out': output or sys.stdout, 'err': output or sys.stderr}
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself; ``start`` starts."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each process that was started."""
        return {child.name: child.pid for child in self._children}

    def start(self) -> Ending | None:
        """Start every process, each once the one before it is ready.

        Returns:
            None once all run, or why the stack must end.

        Raises:
            StackError: a program cannot be run, or not from this thread.
        """
        if threading.current_thread() is not threading.main_thread():
            raise StackError('the stack is started by the main thread: its children die with it')
        for spec in self._specs:
            if self.poll() is not None:
                break
            self._children.append(
                Child(
                    spec.name,
                    command_of(spec),
                    self._environment,
                    on_line=self._hear,
                    on_exit=self._mourn,
                )
            )
            if spec.ready:
                self._await_ready(spec)
        return self.poll()

    def poll(self, timeout_s: float = 0.0) -> Ending | None:
        """Return why the stack must end, waiting at most so long for a reason; else None."""
        if self._ending is None:
            with contextlib.suppress(queue.Empty):
                self._ending = self._events.get(timeout=timeout_s) if timeout_s else (
                    self._events.get_nowait()
                )
        return self._ending

    def wait(self) -> Ending:
        """Wait until the stack must end, and return why."""
        while self._ending is None:
            self._ending = self._events.get()
        return self._ending

    def request_stop(self, ending: Ending) -> None:
        """Have ``poll`` and ``wait`` return the ending; safe in a signal handler."""
        self._events.put(ending)

    def stop(self) -> None:
        """End every process in reverse order; the second call does nothing."""
        self._stopping = True
        for child in reversed(self._children):
            child.terminate()
            if not child.wait(STOP_TIMEOUT_S):
                self._say(f'{child.name} did not end within {STOP_TIMEOUT_S} s; killed')
                child.kill()
                child.wait(STOP_TIMEOUT_S)
        for child in self._children:
            child.reap()
        self._children.clear()

    def _await_ready(self, spec: ProcessSpec) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while spec.name not in self._ready and self._ending is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                sentence = f'{spec.name} did not say {spec.ready!r} within {READY_TIMEOUT_S} s'
                self._ending = Ending(sentence, 1)
                return
            # A None in the queue only wakes: a line said that somebody is ready.
            with contextlib.suppress(queue.Empty):
                self._ending = self._events.get(timeout=left_s)

    def _hear(self, child: Child, stream: Stream, line: str) -> None:
        spec = next(spec for spec in self._specs if spec.name == child.name)
        if spec.ready and stream == 'out' and line.startswith(spec.ready):
            self._ready.add(spec.name)
            self._events.put(None)
        self._write(stream, f'[{child.name}] {line}')

    def _mourn(self, child: Child) -> None:
        if not self._stopping:
            self._events.put(Ending(child.obituary(), 1))

    def _say(self, line: str) -> None:
        self._write('err', line)

    def _write(self, stream: Stream, line: str) -> None:
        # A closed terminal must not keep the stack from being stopped.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._streams[stream].write(line + '\n')
            self._streams[stream].flush()


@contextlib.contextmanager
def signals_end(runner: Runner) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into a request to stop."""

    def ask(number: int, _: FrameType | None) -> None:
        runner.request_stop(Ending(f'stopped by {signal.Signals(number).name}', 0))

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _yaml(value: Value | object) -> str:
    # JSON is YAML, and quotes what would otherwise be read as a number, a bool or nothing.
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def run_stack(specs: Sequence[ProcessSpec]) -> Ending:
    """Run the stack until it ends, and return why it did."""
    with Runner(specs, os.environ) as runner, signals_end(runner):
        return runner.start() or runner.wait()
