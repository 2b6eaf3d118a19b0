"""Synthetic bags: runs of a made-up arm, written with the recorder's own writer."""

import dataclasses
import gc
import os
import sys
from types import SimpleNamespace
import uuid

import numpy as np
import pytest

os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)

from geometry_msgs.msg import Pose
from perl_core.contract import OBSERVATION, OBSERVATION_SIZE, slice_bounds
from perl_msgs.msg import (
    ControllerState,
    LoopTiming,
    PolicyState,
    ReachEvent,
    SafetyState,
)
from perl_replay.__main__ import main
from perl_replay.bag_writer import BagWriter
from perl_replay.definitions import load_definition
from perl_replay.topics import STACK_TOPICS
from rclpy.serialization import serialize_message

EPOCH_NS = 1_800_000_000_000_000_000
PERIOD_NS = 40_000_000
AT = slice_bounds(OBSERVATION)


@dataclasses.dataclass(kw_only=True)
class Goal:
    """A straight approach of 0.2 m at constant speed, then standing still."""

    outcome: int | None = 0
    approach_s: float = 0.8
    settle_s: float = 0.2
    final_error_m: float = 0.004
    final_rotation_rad: float = 0.02
    standard_periods: int = 5
    gate: float = 0.25
    message: str = ''
    late_error_m: float | None = None
    """Position error in the very last policy state, if another than the final one."""
    start_recorded: bool = True


def stamped(message, time_ns):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time_ns, 1_000_000_000)
    return message


class Run:
    """Writes the messages of a run, in the order of time."""

    def __init__(self, folder, without=()):
        self.writer = BagWriter(folder, ros_distro='kilted')
        for topic in STACK_TOPICS:
            if topic.name not in without:
                self.writer.add_topic(topic.name, load_definition(topic.type), topic.latched)
        self.folder = folder
        self.now_ns = EPOCH_NS
        self.tick = 0
        self.rng = np.random.default_rng(0)

    def put(self, topic, message):
        self.writer.write(topic, serialize_message(message), self.now_ns, self.now_ns)

    def controller(self, state, **fields):
        values = {'robot_ip': '127.0.0.7', 'bundle_sha256': 'abcd', 'safety_mode': 1, **fields}
        self.put('/perl_controller/state', stamped(ControllerState(state=state, **values),
                                                   self.now_ns))

    def safety(self, topic='/perl_controller/safety', **fields):
        source = 'filter' if 'controller' in topic else 'monitor'
        self.put(topic, stamped(SafetyState(source=source, **fields), self.now_ns))

    def timing(self, lateness_us, **fields):
        lateness = np.asarray(lateness_us, dtype=np.float32)
        self.put('/perl_controller/loop_timing', stamped(LoopTiming(
            first_tick=fields.pop('first_tick', self.tick), lateness_us=lateness,
            work_us=lateness * 2, state_age_us=lateness * 3, **fields), self.now_ns))
        self.tick += len(lateness)

    def event(self, goal_id, event, **fields):
        values = {'position_tolerance_m': 0.01, 'rotation_tolerance_rad': 0.0873, **fields}
        self.put('/perl_controller/reach_events', stamped(
            ReachEvent(goal_id=goal_id, event=event, goal=Pose(), timeout_s=5.0, **values),
            self.now_ns))

    def policy(self, goal_id, error_m, rotation_rad, branch, gate, along_m=0.0):
        observation = np.zeros(OBSERVATION_SIZE, dtype=np.float32)
        observation[AT['tool_position_from_centre_base_m']] = (along_m, 0.1, 0.0)
        observation[AT['position_error_base_m']] = (0.0, error_m, 0.0)
        observation[AT['rotation_error_base_rad']] = (0.0, 0.0, rotation_rad)
        self.put('/perl_controller/policy_state', stamped(PolicyState(
            tick=self.tick, goal_id=goal_id, observation=observation,
            action=np.zeros(6, dtype=np.float32), gate=gate, branch=branch,
            position_error_m=error_m, rotation_error_rad=rotation_rad, inference_us=50.0),
            self.now_ns))

    def pursue(self, goal):
        """Write one goal; its tool path is 0.2 m long."""
        goal_id = np.frombuffer(uuid.UUID(int=int(self.rng.integers(2**62))).bytes, np.uint8)
        if goal.start_recorded:
            self.event(goal_id, 255, position_error_m=0.2, rotation_error_rad=1.0)
        steps = round(goal.approach_s / 0.04)
        total = steps + round(goal.settle_s / 0.04)
        for step in range(total + 1):
            self.now_ns += PERIOD_NS
            left = max(1.0 - (step + 1) / steps, 0.0)
            error_m = goal.final_error_m + 0.2 * left
            if step == total and goal.late_error_m is not None:
                error_m = goal.late_error_m
            rotation = goal.final_rotation_rad + left
            self.policy(goal_id, error_m, rotation, int(step < goal.standard_periods), goal.gate,
                        along_m=0.2 * min(step / steps, 1.0))
            self.timing(self.rng.exponential(30.0, 20))
        if goal.outcome is not None:
            self.event(goal_id, goal.outcome, position_error_m=goal.final_error_m,
                       rotation_error_rad=goal.final_rotation_rad, duration_s=goal.approach_s,
                       message=goal.message)
        self.now_ns += PERIOD_NS

    def close(self):
        self.writer.close()
        return self.folder


@pytest.fixture
def start_run(tmp_path):
    """Return a function that starts a run in a new bag."""

    def start(name='bag', **options):
        return Run(tmp_path / name, **options)

    return start


@pytest.fixture
def make_bag(start_run):
    """Return a function that writes a whole bag with some goals."""

    def make(goals=(), name='bag', close=True):
        run = start_run(name)
        run.writer.add_metadata('perl_software', {'git_hash': 'f00d'})
        run.controller(2)
        for topic in ('/perl_controller/safety', '/perl_safety_monitor/safety'):
            run.safety(topic, severity=0)
        for goal in goals:
            run.controller(3)
            run.pursue(goal)
            run.controller(2)
            run.writer.flush()
        return run.close() if close else run.folder

    return make


@pytest.fixture
def goal_type():
    """Return the description of a synthetic goal."""
    return Goal


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Return what runs the command in this process, which saves a second of imports."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['perl_replay', *map(str, arguments)])
        monkeypatch.setattr(gc, 'freeze', lambda: None)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return SimpleNamespace(
            returncode=ended.value.code or 0, stdout=said.out, stderr=said.err
        )

    return run
