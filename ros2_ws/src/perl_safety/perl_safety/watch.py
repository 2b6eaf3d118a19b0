"""The watching itself: a thread that reads, judges, beats and stops, apart from ROS."""

import math
import threading
import time
from typing import NamedTuple, Protocol

import numpy as np
from perl_core.errors import RobotError
from perl_core.robot_state import RobotState

from perl_safety.heartbeat import HeartbeatReader, HeartbeatWriter
from perl_safety.monitor import Monitor, Violation
from perl_safety.priority import come_first
from perl_safety.severity import Severity

_AT_REST_RAD_S = 0.05
"""An arm slower than this in every joint stands: 3 deg/s, above the noise of a resting arm."""
_REPEAT_STOP_S = 0.25
_STOP_DEADLINE_S = 1.5
"""From the full speed of 3.14 rad/s at 4 rad/s^2 (UR driver's stopj) 0.8 s, and as much again."""
_RECONNECT_S = 2.0
_ASK_S = 0.5
_LOCAL_MODE = Violation('local_mode', 'the robot was switched to local mode, expected remote')
PRIORITY = 30
"""Of the monitor's threads, SCHED_FIFO: above the nodes (20), below the control loop (60)."""


class Link(Protocol):
    """What the watch needs of a robot."""

    def read(self) -> RobotState:
        """Return the newest state."""
        ...

    def send_stop(self) -> str:
        """End the robot's program; may block, and raises RobotError."""
        ...

    def in_remote_control(self) -> bool:
        """Return whether the robot obeys a remote stop; may block, and raises RobotError."""
        ...

    def reconnect(self) -> None:
        """Try to get a lost stream back; may block, and raises RobotError."""
        ...


class LoopWatch:
    """Looks at the heartbeat of the control loop."""

    def __init__(self, reader: HeartbeatReader, timeout_s: float) -> None:
        """Remember where to look.

        Args:
            reader: of the loop's heartbeat.
            timeout_s: an arm that moves without a beat for longer must stop.
        """
        self._reader, self._timeout_s = reader, timeout_s
        self._heard = False

    def violations(self, now_ns: int) -> tuple[Violation, ...]:
        """Return whether a loop that moved the arm has fallen silent."""
        beat = self._reader.read()
        age_s = beat.age_s(now_ns)
        # What a loop left behind that died before this monitor began is not its concern.
        self._heard = self._heard or age_s <= self._timeout_s
        if beat.stop or not self._heard or age_s <= self._timeout_s:
            return ()
        return (Violation(
            'loop_heartbeat',
            f'the control loop moves the arm and was silent for {age_s:.2f} s, at most '
            f'{self._timeout_s} s',
        ),)


class WatchStatus(NamedTuple):
    """What the watch last saw."""

    severity: Severity
    """STOP while a reason is latched."""
    reasons: tuple[str, ...]
    """Latched reasons, oldest first."""
    details: dict[str, str]
    """What was measured, by reason."""
    stops: int
    """Stops since start."""
    state_age_s: float
    """Age of the robot's state at the last round."""
    stop_answer: str
    """What the dashboard said to the last stop; empty if there was none."""
    silence: str
    """Why the robot does not say whether it obeys; empty if it does."""


class Watch:
    """Watches one robot in a thread of its own until ``end``."""

    def __init__(
        self,
        link: Link,
        monitor: Monitor,
        heartbeat: HeartbeatWriter,
        rate_hz: float,
        loop: LoopWatch | None = None,
    ) -> None:
        """Set up; ``start`` begins.

        Args:
            link: connection to the robot.
            monitor: judge of its state.
            heartbeat: written every round.
            rate_hz: rounds a second.
            loop: looks at the heartbeat of the control loop; None: nobody does.
        """
        self._loop = loop
        self._link = link
        self._monitor = monitor
        self._heartbeat = heartbeat
        self._period_s = 1.0 / rate_hz
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name='watch', daemon=True)
        self._sender: threading.Thread | None = None
        self._stop_since_s: float | None = None
        self._next_stop_s = 0.0
        self._next_reconnect_s = 0.0
        self._state_age_s = math.inf
        self._stop_answer = ''
        self._asker = threading.Thread(target=self._ask_for_remote, name='ask', daemon=True)
        self._local: tuple[Violation, ...] = ()
        self._silence = ''

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()
        self._asker.start()

    def end(self) -> None:
        """Stop watching; the control loop is told so by the heartbeat."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._heartbeat.beat(True, 'monitor_not_watching')

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def status(self) -> WatchStatus:
        """Return what was last seen."""
        with self._lock:
            monitor = self._monitor
            return WatchStatus(
                monitor.severity, monitor.latched, monitor.details, monitor.stops,
                self._state_age_s, self._stop_answer, self._silence,
            )

    def reset(self) -> tuple[str, ...]:
        """Clear the latch; return the reasons that are still there and so stay latched."""
        with self._lock:
            return self._monitor.reset()

    def _run(self) -> None:
        """Go round at a fixed rate; a late round is not made up for."""
        come_first(PRIORITY)
        due_s = time.monotonic()
        while not self._ended.is_set():
            self._round()
            due_s = max(due_s + self._period_s, time.monotonic())
            self._ended.wait(due_s - time.monotonic())

    def _round(self) -> None:
        """Read, judge, beat; stop the arm if need be. The beat is the last round's proof."""
        state = self._link.read()
        now_ns = time.monotonic_ns()
        with self._lock:
            self._state_age_s = state.age_s(now_ns)
            silent = () if self._loop is None else self._loop.violations(now_ns)
            latched = self._monitor.check(state, now_ns, (*self._local, *silent))
        self._heartbeat.beat(bool(latched), '; '.join(latched))
        if latched:
            self._stop_arm(state)
        else:
            self._stop_since_s = None

    def _ask_for_remote(self) -> None:
        """Ask twice a second whether a stop would be obeyed; somebody may take over by hand.

        A dashboard that is silent does not stop the arm: the heartbeat and the program of one
        line are left.
        """
        while not self._ended.wait(_ASK_S):
            try:
                remote, self._silence = self._link.in_remote_control(), ''
            except RobotError as error:
                remote, self._silence = True, str(error)
            self._local = () if remote else (_LOCAL_MODE,)

    def _stop_arm(self, state: RobotState) -> None:
        """Ask the robot to stop, once and then again until it is seen to stand."""
        now_s = time.monotonic()
        first = self._stop_since_s is None
        since_s = self._stop_since_s = now_s if self._stop_since_s is None else self._stop_since_s
        fresh = self._state_age_s <= self._monitor.limits.state_stop_age_s
        stands = fresh and bool(np.abs(state.joint_velocity_rad_s).max() < _AT_REST_RAD_S)
        if first or (not stands and now_s >= self._next_stop_s):
            self._next_stop_s = now_s + _REPEAT_STOP_S
            self._send_stop()
        if not stands and now_s - since_s > _STOP_DEADLINE_S:
            with self._lock:
                self._monitor.latch(
                    'stop_unconfirmed', f'the arm was not seen to stand {_STOP_DEADLINE_S} s after'
                )
        if not fresh and now_s >= self._next_reconnect_s:
            self._reconnect()

    def _send_stop(self) -> None:
        """Send a stop from another thread, unless one is still on its way."""
        if self._sender is None or not self._sender.is_alive():
            self._sender = threading.Thread(target=self._ask_to_stop, name='stop', daemon=True)
            self._sender.start()

    def _ask_to_stop(self) -> None:
        """Send the stop and keep the answer."""
        try:
            self._stop_answer = self._link.send_stop()
        except RobotError as error:
            self._stop_answer = str(error)

    def _reconnect(self) -> None:
        """Try to get the stream back. No beat comes meanwhile, which is a stop as well."""
        try:
            self._link.reconnect()
        except RobotError as error:
            with self._lock:
                self._monitor.latch('reconnect', str(error))
        self._next_reconnect_s = time.monotonic() + _RECONNECT_S
