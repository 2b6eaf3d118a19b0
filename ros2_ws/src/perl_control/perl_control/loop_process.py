"""The control loop as a child process: start, supervise, end."""

from collections.abc import Callable
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

from perl_core.errors import RobotError

from perl_control.loop_config import LoopConfig

END_DEADLINE_S = 0.9
"""The loop ramps down and ends in less; after this it is killed, and the watchdog takes over."""
_POLL_S = 0.02


class LoopProcess:
    """One control loop; call from the thread whose end must end the loop."""

    def __init__(self, config: LoopConfig) -> None:
        """Start the process.

        Args:
            config: goes to its stdin.
        """
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'perl_control.loop', '-'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )
        orders, events = self._process.stdin, self._process.stdout
        if orders is None or events is None:
            raise RobotError('expected pipes to the control loop, there are none.')
        with contextlib.suppress(BrokenPipeError):
            orders.write(config.to_json().encode())
            orders.close()
        os.set_blocking(events.fileno(), False)
        self._stdout, self._received = events, b''
        self._said = ''

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """Return how a loop that has ended said why, or its status."""
        for event in self._events():
            if event['event'] == 'error':
                self._said = event['message']
        return self._said or f'the control loop ended with status {self.returncode}'

    def wait_ready(self, timeout_s: float, meanwhile: Callable[[], None]) -> str:
        """Wait until the arm is connected.

        Args:
            timeout_s: after this the process is killed.
            meanwhile: called every 20 ms.

        Returns:
            sha256 of the policy's manifest.

        Raises:
            RobotError: the one sentence that the loop said, or that it said nothing.
        """
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            ended = self.returncode
            for event in self._events():
                if event['event'] == 'ready':
                    return event['bundle_sha256']
                if event['event'] == 'error':
                    raise RobotError(event['message'])
            if ended is not None:
                raise RobotError(
                    f'expected the control loop to connect, it ended with status {ended}. '
                    'Its last words are on stderr above.'
                )
            meanwhile()
            time.sleep(_POLL_S)
        self.kill()
        raise RobotError(
            f'expected the control loop to be connected within {timeout_s:g} s, it was not. '
            'Restart the controller, or raise connect_timeout_s.'
        )

    def end(self, meanwhile: Callable[[], None]) -> None:
        """Let it ramp down and end; kill it if it does not."""
        if self.returncode is None:
            self._process.terminate()
        deadline_s = time.monotonic() + END_DEADLINE_S
        while self.returncode is None and time.monotonic() < deadline_s:
            meanwhile()
            time.sleep(_POLL_S)
        self.kill()

    def kill(self) -> None:
        """End it at once; the watchdog of the controller stops the arm."""
        if self.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdout.close()

    def _events(self) -> list[dict[str, str]]:
        if self._stdout.closed:
            return []
        self._received += self._stdout.read() or b''
        *lines, self._received = self._received.split(b'\n')
        # ur_rtde's library writes to stdout, too.
        return [json.loads(line) for line in lines if line.startswith(b'{')]
