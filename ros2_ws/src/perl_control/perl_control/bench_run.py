"""What ``bench_loop`` runs: emulator, control loop, bare loop, and the ticks that come of it."""

from collections.abc import Callable, Iterator
import contextlib
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics, Pose
from perl_safety.heartbeat import HeartbeatWriter, heartbeat_path
from perl_safety.priority import come_first

from perl_control.loop_client import LoopClient
from perl_control.loop_config import LoopConfig
from perl_control.mailbox import Mode
from perl_control.real_time import die_with_parent
from perl_control.states import State
from perl_control.telemetry import RECORD

GOAL_PERIOD_S = 1.5
"""A new goal comes before the arm is at rest at the last: it moves nearly always."""
SPREAD_RAD = 0.5
"""Goals are poses of joint positions so far around home; reachable, because they are reached."""
_BEAT_S = 0.02
_PRIORITY = 20
"""As the node has it: a heartbeat that comes late stops the arm."""
_BETWEEN_NS = 500_000
"""After the control loop's deadline: its tick is over, its rehearsal has not begun."""
_READY_S = 20.0
_CONNECT_S = 20.0
_END_S = 3.0


class Plan(NamedTuple):
    """What to run."""

    robot_ip: str
    """Loopback address of the emulator."""
    bundle: str
    """Folder of the policy."""
    lasting_s: float
    """Measured time."""
    priority: int
    """SCHED_FIFO priority of control loop and bare loop."""
    cpu: int
    """Processor of both loops; -1: any."""


class Measured(NamedTuple):
    """What came of it."""

    records: np.ndarray
    """Telemetry of every tick, dtype RECORD."""
    lost: int
    """Ticks whose telemetry was lost."""
    bare_us: np.ndarray
    """Lateness of the bare loop."""
    memory_kib: np.ndarray
    """Resident memory of the control loop, once a goal."""
    cyclictest: str
    """Its output in microseconds; empty where it is not installed."""


def measure(plan: Plan) -> Measured:
    """Run everything; on Ctrl-C return what there is.

    Raises:
        RobotError: something did not start, or stopped.
    """
    records: list[np.ndarray] = []
    with contextlib.ExitStack() as running:
        come_first(_PRIORITY)
        running.callback(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
        running.enter_context(_emulator(plan))
        heartbeat = HeartbeatWriter(heartbeat_path(plan.robot_ip))
        running.callback(heartbeat_path(plan.robot_ip).unlink, missing_ok=True)
        running.callback(heartbeat.close)
        config = LoopConfig(
            robot_ip=plan.robot_ip, bundle=plan.bundle, priority=plan.priority, cpu=plan.cpu,
            parent_pid=os.getpid(),
        )
        loop = LoopClient(config, _CONNECT_S, lambda: heartbeat.beat(False, ''))
        running.callback(loop.end)
        return _Run(plan, loop, heartbeat, records).run()


class _Run:
    """The bench in the place of node and monitor."""

    def __init__(
        self, plan: Plan, loop: LoopClient, heartbeat: HeartbeatWriter,
        records: list[np.ndarray],
    ) -> None:
        self._plan, self._loop, self._heartbeat, self._records = plan, loop, heartbeat, records
        self._generator = np.random.default_rng(0)
        self._kinematics, self._contract = Kinematics(), Contract()
        self._memory_kib: list[int] = []

    def run(self) -> Measured:
        """Arm, then move from goal to goal."""
        self._loop.want(Mode.ARMED)
        self._beat_until(lambda: self._loop.state == State.ARMED, _READY_S)
        if self._loop.state != State.ARMED:
            raise RobotError(
                f'expected the control loop to arm, it is {self._loop.state.name}: '
                f'{self._loop.reasons}'
            )
        self._aim()
        self._beat_until(lambda: False, 1.0)
        self._records.clear()
        with _bare_loop(self._plan, self._loop) as bare, _cyclictest(self._plan) as cyclic:
            begin_s = time.monotonic()
            with contextlib.suppress(KeyboardInterrupt):
                while time.monotonic() - begin_s < self._plan.lasting_s:
                    self._aim()
                    self._memory_kib.append(_resident_kib(self._loop.pid))
                    self._beat_until(lambda: False, GOAL_PERIOD_S)
            bare_us, cyclictest = _ended(bare), _ended(cyclic).decode() if cyclic else ''
        return Measured(
            np.concatenate(self._records) if self._records else np.zeros(0, RECORD),
            self._loop.lost, np.frombuffer(bare_us, dtype=np.float32),
            np.array(self._memory_kib), cyclictest,
        )

    def _aim(self) -> None:
        self._loop.pursue(self._goal(), os.urandom(16), home=False)

    def _goal(self) -> Pose:
        centre_m = np.array(self._contract.workspace_centre_base_m)
        while True:
            offset_rad = self._generator.uniform(-SPREAD_RAD, SPREAD_RAD, 6)
            pose = self._kinematics.tool_pose(np.array(self._contract.home_rad) + offset_rad)
            if np.linalg.norm(pose.position_m - centre_m) < self._contract.workspace_radius_m:
                return pose

    def _beat_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        while not done() and time.monotonic() < end_s:
            self._heartbeat.beat(False, '')
            self._loop.order()
            drained = self._loop.drain()
            self._records.append(drained.records.copy())
            if self._loop.death:
                raise RobotError(self._loop.death)
            time.sleep(_BEAT_S)


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen]:
    """Run a process that ends with the block, and with this process."""
    parent = os.getpid()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@contextlib.contextmanager
def _emulator(plan: Plan) -> Iterator[None]:
    command = [
        sys.executable, '-m', 'perl_sim.ur_controller', '--address', plan.robot_ip,
        '--priority', str(min(plan.priority + 1, 99)), '--no-status',
    ]
    with _process(command) as process:
        if process.stdout is None or not process.stdout.readline().startswith(b'ready'):
            raise RobotError(f'expected an emulated controller at {plan.robot_ip}, none started.')
        yield


@contextlib.contextmanager
def _bare_loop(plan: Plan, loop: LoopClient) -> Iterator[subprocess.Popen]:
    """Run the bare loop between a tick and the rehearsal of the next: neither delays the other."""
    if loop.latest is None:
        raise RobotError('expected telemetry before the measurement, none came.')
    start_ns = int(loop.latest['deadline_ns']) + 1_000_000_000 + _BETWEEN_NS
    command = [
        sys.executable, '-m', 'perl_control.bare_loop', '--priority', str(plan.priority),
        '--cpu', str(plan.cpu), '--parent', str(os.getpid()), '--start-ns', str(start_ns),
    ]
    with _process(command) as process:
        yield process


@contextlib.contextmanager
def _cyclictest(plan: Plan) -> Iterator[subprocess.Popen | None]:
    if shutil.which('cyclictest') is None:
        yield None
        return
    command = [
        'cyclictest', '--quiet', '--mlockall', '--threads', '1', '--interval', '2000',
        '--priority', str(plan.priority),
    ]
    with _process(command) as process:
        yield process


def _ended(process: subprocess.Popen) -> bytes:
    process.terminate()
    return process.communicate(timeout=_END_S)[0]


def _resident_kib(pid: int) -> int:
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') // 1024
