import itertools
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
from perl_control.control_loop import ControlLoop, Parts
from perl_control.mailbox import Mailbox, Mode, Orders
from perl_control.pacing import Pacer, Wake
from perl_control.policy_runner import PolicyRunner
from perl_control.robots.loopback import LoopbackRobot
from perl_control.shared_memory import mailbox_path, telemetry_path
from perl_control.telemetry import RECORD, TelemetryRing
from perl_control.telemetry_writer import TelemetryWriter
from perl_control.watch import Watch
from perl_core.contract import OBSERVATION, Contract, slice_bounds
from perl_core.errors import PolicyError, RobotError
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import rotation_from_vector
from perl_safety.filter import SafetyFilter
from perl_safety.heartbeat import Beat
from perl_safety.limits import load_limits
from perl_safety.priority import come_first
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
        if self.broken:
            raise PolicyError('the toy is broken')
        return ToyOutput(action, 0.25, 1)


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


@pytest.fixture
def new_rig():
    """A rig for every example of a property test."""
    return lambda: Rig(Path('/dev/shm'))


@pytest.fixture(scope='session')
def toy_bundle(tmp_path_factory):
    """A bundle whose twist is proportional to the error."""
    from perl_core.bundle.export import Description, export_bundle
    from perl_core.bundle.manifest import TrainedCalibration, Training
    from perl_core.kinematics import UR5E_NOMINAL
    import torch
    from torch import nn

    torch.set_num_threads(1)

    def squash(vector):
        return vector / (1.0 + vector.square().sum(-1, keepdim=True)).sqrt()

    class Actor(nn.Module):
        def forward(self, observation):
            pull = squash(6.0 * observation[:, 3:6])
            turn = squash(2.0 * observation[:, 12:15])
            return torch.cat((pull, turn), -1)

    class Gate(nn.Module):
        def forward(self, observation):
            return 0.25 + 0.0 * observation[:, 0]

    folder = tmp_path_factory.mktemp('bundles') / 'toy'
    description = Description(
        contract=CONTRACT,
        training=Training(
            agent='toy', agent_config={}, environment='toy', environment_config={}, seed=0,
            steps=0, git_hash='0' * 40, command='none',
        ),
        calibration=TrainedCalibration(content_sha256='0' * 64, dh_parameters=UR5E_NOMINAL),
        evaluation={},
    )
    observations = np.random.default_rng(0).normal(size=(4, 39)).astype(np.float32)
    parts = {'actor_equivariant': Actor(), 'actor_standard': Actor(), 'gate': Gate()}
    export_bundle(parts, folder, description, observations)
    return folder


class LoopChild:
    """The loop's process, led by the test in the node's place."""

    def __init__(self, robot_ip, bundle, **config):
        config = {'robot_ip': robot_ip, 'bundle': str(bundle), 'require_monitor': False, **config}
        self.robot_ip = robot_ip
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'perl_control.loop', '-'], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        self.process.stdin.write(json.dumps(config))
        self.process.stdin.close()
        self.orders = Orders()
        self.records = np.zeros(0, dtype=RECORD)

    def event(self):
        return json.loads(self.process.stdout.readline() or '{}')

    def ready(self):
        for _ in range(2):
            event = self.event()
            if event.get('event') == 'error':
                raise RobotError(event['message'])
        assert event['event'] == 'ready', event
        self.mailbox = Mailbox.open(mailbox_path(self.robot_ip))
        self.ring = TelemetryRing.open(telemetry_path(self.robot_ip))
        return self

    def order(self, **changes):
        self.orders = self.orders._replace(heartbeat_ns=time.monotonic_ns(), **changes)
        self.mailbox.write(self.orders)

    def run(self, duration_s, until=lambda record: False):
        """Beat and collect for a while, at most until a record is as wanted."""
        end_s, parts = time.monotonic() + duration_s, [self.records[:0]]
        while time.monotonic() < end_s:
            self.order()
            parts.append(self.ring.drain().records)
            if len(parts[-1]) and until(parts[-1][-1]):
                break
            time.sleep(0.01)
        self.records = np.concatenate(parts)
        return self.records

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def on_time(toy_bundle):
    """Let the test's own beats and spins come in time on a machine that others share."""
    come_first(20)
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def start_loop(toy_bundle, on_time):
    children = []

    def start(robot_ip, bundle=toy_bundle, **config):
        children.append(LoopChild(robot_ip, bundle, **config))
        return children[-1]

    try:
        yield start
    finally:
        for child in children:
            child.kill()
            mailbox_path(child.robot_ip).unlink(missing_ok=True)
            telemetry_path(child.robot_ip).unlink(missing_ok=True)
