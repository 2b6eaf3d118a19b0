"""The node's side of the control loop: its process, the orders to it, the telemetry from it."""

from collections.abc import Callable
import math
import time
from typing import Any

import numpy as np
from perl_core.errors import RobotError
from perl_core.kinematics import Pose

from perl_control.loop_config import LoopConfig
from perl_control.loop_process import LoopProcess
from perl_control.mailbox import Mailbox, Mode, Orders
from perl_control.shared_memory import mailbox_path, telemetry_path
from perl_control.states import State
from perl_control.telemetry import Drained, TelemetryRing

SILENCE_S = 3.0
"""A loop that writes no telemetry for this long counts as dead."""
RESET_SILENCE_S = 10.0
"""While it uploads the control script again it writes none."""


class LoopClient:
    """One running control loop."""

    def __init__(
        self, config: LoopConfig, timeout_s: float, meanwhile: Callable[[], None]
    ) -> None:
        """Start the loop and wait until the arm is connected.

        Args:
            config: of the loop.
            timeout_s: for everything, from reading the bundle to the connected arm.
            meanwhile: called every 20 ms.

        Raises:
            RobotError: one sentence on what was expected and what came.
        """
        self._process = LoopProcess(config)
        self.latest: np.void | None = None
        """The newest telemetry record."""
        self.lost = 0
        """Telemetry records that were overwritten unread."""
        self._orders = Orders()
        self._speed_scales = {'controller': 1.0, 'goal': 1.0}
        try:
            self.bundle_sha256 = self._process.wait_ready(timeout_s, meanwhile)
        except RobotError:
            self._process.kill()
            raise
        self._mailbox = Mailbox.open(mailbox_path(config.robot_ip))
        self._ring = TelemetryRing.open(telemetry_path(config.robot_ip))
        self._heard_s = time.monotonic()
        self._silence_s = SILENCE_S

    @property
    def state(self) -> State:
        """What the loop is doing."""
        return State.DISCONNECTED if self.latest is None else State(int(self.latest['state']))

    @property
    def measured_rad(self) -> np.ndarray:
        """Joint position in the newest record; only after the first."""
        return self._newest('measured_rad')

    @property
    def reasons(self) -> str:
        """Why the filter stops or limits, in the newest record."""
        return self._newest('reasons').decode()

    @property
    def reset_sequence(self) -> int:
        """The newest reset that the loop answered."""
        return int(self._newest('reset_sequence'))

    @property
    def note(self) -> str:
        """Why it refused that reset; empty if it did not."""
        return self._newest('note').decode()

    def _newest(self, name: str) -> Any:
        if self.latest is None:
            raise RobotError('expected telemetry of the control loop, none came yet.')
        return self.latest[name]

    @property
    def pid(self) -> int:
        """Of the control loop's process."""
        return self._process.pid

    @property
    def orders(self) -> Orders:
        """What was ordered last."""
        return self._orders

    @property
    def death(self) -> str:
        """Why the loop counts as dead, or an empty string."""
        if self._process.returncode is not None:
            return self._process.last_words
        silent_s = time.monotonic() - self._heard_s
        if silent_s > self._silence_s:
            return f'the control loop has been silent for {silent_s:.1f} s'
        return ''

    def order(self, **changes: object) -> None:
        """Change some of the orders, and beat."""
        self._orders = self._orders._replace(heartbeat_ns=time.monotonic_ns(), **changes)
        self._mailbox.write(self._orders)

    def want(self, mode: Mode) -> None:
        """Ask for a mode."""
        self.order(mode=mode)

    def slow_down(self, speed_scale: float) -> None:
        """Ask for a share of the policy's speed, 0 to 1, now and for later goals."""
        self._speed_scales['controller'] = speed_scale
        self.order(speed_scale=math.prod(self._speed_scales.values()))

    def pursue(self, goal: Pose, goal_id: bytes, home: bool, speed_scale: float = 1.0) -> int:
        """Ask for a goal, or for the way home; return its number."""
        self._speed_scales['goal'] = speed_scale
        self.order(
            speed_scale=math.prod(self._speed_scales.values()),
            goal_sequence=self._orders.goal_sequence + 1,
            goal_active=True,
            goal_home=home,
            goal_position_m=tuple(goal.position_m.tolist()),
            goal_rotation=tuple(goal.rotation.ravel().tolist()),
            goal_id=goal_id,
        )
        return self._orders.goal_sequence

    def drop_goal(self) -> None:
        """Ask to brake and hold."""
        self.order(goal_active=False)

    def ask_reset(self) -> int:
        """Ask to leave FAULT; return the number of the wish."""
        self._silence_s = RESET_SILENCE_S
        self.order(reset_sequence=self._orders.reset_sequence + 1, goal_active=False)
        return self._orders.reset_sequence

    def drain(self) -> Drained:
        """Return the telemetry since the last call."""
        drained = self._ring.drain()
        if len(drained.records):
            latest = self.latest = drained.records[-1]
            self._heard_s = time.monotonic()
            if latest['reset_sequence'] == self._orders.reset_sequence:
                self._silence_s = SILENCE_S
        self.lost += drained.lost
        return drained

    def end(self) -> None:
        """Let the loop ramp down and end."""
        self._process.end(self.order)
