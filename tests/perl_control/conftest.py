import itertools
import os
from pathlib import Path
import time
from typing import NamedTuple

import numpy as np
from perl_control.control_loop import ControlLoop, Parts
from perl_control.mailbox import Mailbox, Mode, Orders
from perl_control.pacing import Pacer, Wake
from perl_control.policy_runner import PolicyRunner
from perl_control.robots.loopback import LoopbackRobot
from perl_control.telemetry import TelemetryRing
from perl_control.telemetry_writer import TelemetryWriter
from perl_control.watch import Watch
from perl_core.contract import OBSERVATION, Contract, slice_bounds
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import rotation_from_vector
from perl_safety.filter import SafetyFilter
from perl_safety.heartbeat import Beat
from perl_safety.limits import load_limits
import pytest

AT = slice_bounds(OBSERVATION)
CONTRACT = Contract()
HOME_RAD = np.array(CONTRACT.home_rad)
PERIOD_NS = 2_000_000
NUMBER = itertools.count()


class ToyOutput(NamedTuple):
    action: np.ndarray
    gate: float
    branch: int


class ToyPolicy:
    """Twist proportional to the error."""

    def __init__(self):
        self.broken = False
        self.delay_s = 0.0

    def act(self, observation):
        time.sleep(self.delay_s)
        action = np.concatenate([
            4.0 * observation[AT['position_error_base_m']],
            1.5 * observation[AT['rotation_error_base_rad']],
        ])
        return ToyOutput(np.full(6, np.nan) if self.broken else action, 0.25, 1)


class ToyMonitor:
    """Beats by itself unless it is dead."""

    def __init__(self, rig):
        self.rig, self.dead_ns, self.stop, self.why = rig, None, False, ''

    def read(self):
        return Beat(self.dead_ns or self.rig.now_ns, self.stop, self.why)


class Rig:
    """The control loop over the loopback robot, in time that the test moves on."""

    def __init__(self, folder):
        self.now_ns = time.monotonic_ns()
        self.kinematics = Kinematics()
        self.policy, self.robot = ToyPolicy(), LoopbackRobot(HOME_RAD)
        self.monitor = ToyMonitor(self)
        names = [folder / f'perl-test-{os.getpid()}-{next(NUMBER)}' for _ in range(2)]
        self.mailbox, ring = Mailbox.create(names[0]), TelemetryRing.create(names[1])
        self.ring = TelemetryRing.open(names[1])
        for name in names:
            name.unlink()
        limits = load_limits()
        self.safety = SafetyFilter(limits, Kinematics(), CONTRACT.control_period_s)
        self.runner = PolicyRunner(self.policy, Kinematics(), CONTRACT)
        self.loop = ControlLoop(
            Parts(
                self.robot, self.safety, self.runner,
                Watch(self.monitor, limits.heartbeat_timeout_s), self.mailbox,
                TelemetryWriter(ring), Pacer(CONTRACT.control_period_s),
            ),
            self.now_ns,
        )
        self.orders = Orders()
        self.node_alive = True

    def order(self, **changes):
        self.orders = self.orders._replace(**changes)

    def goal(self, offset_m=(0.0, 0.0, 0.0), turn_rad=(0.0, 0.0, 0.0)):
        """Ask for a pose relative to home."""
        home = self.kinematics.tool_pose(HOME_RAD)
        goal = Pose(home.position_m + offset_m, rotation_from_vector(np.array(turn_rad))
                    @ home.rotation)
        number = self.orders.goal_sequence + 1
        self.order(
            goal_sequence=number, goal_active=True, goal_position_m=tuple(goal.position_m),
            goal_rotation=tuple(goal.rotation.ravel()), goal_id=number.to_bytes(16, 'big'),
        )
        return goal

    def run(self, duration_s):
        """Tick for a while; return the records."""
        for _ in range(round(duration_s * 500)):
            self.now_ns += PERIOD_NS
            if self.node_alive:
                self.order(heartbeat_ns=self.now_ns)
                self.mailbox.write(self.orders)
            self.loop.tick(Wake(self.now_ns, self.now_ns))
        return self.ring.drain().records

    def arm(self):
        self.order(mode=Mode.ARMED)
        return self.run(0.1)

    def reset(self):
        self.order(reset_sequence=self.orders.reset_sequence + 1)
        return self.run(0.1)


@pytest.fixture
def rig():
    return Rig(Path('/dev/shm'))
