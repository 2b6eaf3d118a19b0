"""What is done to the stack, the arm and the machine: functions that make one thing go wrong.

Each returns how to take it back, or None where that is done by time or by the operator.
"""

from collections.abc import Callable
import contextlib
import math
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from typing import NamedTuple

from fault_matrix.driver_node import Driver
from fault_matrix.stage import Stage, Undo
from perl_core.contract import Contract
from perl_msgs.action import Reach
from perl_sim.ur_controller.rtde_client import RtdeClient


class Scene(NamedTuple):
    """What an injection may reach for."""

    stage: Stage
    """The processes."""
    driver: Driver
    """The ROS side."""
    draw: random.Random
    """For what is left to chance."""


Inject = Callable[[Scene], Undo | None]

FAR_M = ((0.05, 0.3, 0.0), (-0.05, 0.28, 0.12), (0.05, -0.28, 0.05), (0.1, 0.1, -0.25))
"""Offsets of goals from the workspace centre, each a long way from home. Own choice."""
TABLE_Z_M = -0.02
"""Height of a goal inside the table."""
MEMORY_SHARE = 0.5
"""Of what is available, taken under memory pressure: neighbours should live."""


def goal_at(position_base_m: tuple[float, ...], timeout_s: float = 6.0) -> Reach.Goal:
    """Return a goal for the tool to point down, at a place in UR's frame base."""
    goal = Reach.Goal(timeout_s=timeout_s)
    goal.target.header.frame_id = 'base'
    pose = goal.target.pose
    pose.position.x, pose.position.y, pose.position.z = map(float, position_base_m)
    pose.orientation.x, pose.orientation.w = 1.0, 0.0
    return goal


def from_centre(offset_m: tuple[float, ...]) -> tuple[float, ...]:
    """Return the place at this offset from the workspace centre, in base."""
    centre_m = Contract().workspace_centre_base_m
    return tuple(c + o for c, o in zip(centre_m, offset_m, strict=True))


def home_goal() -> Reach.Goal:
    """Return the goal that leads home."""
    return Reach.Goal(home=True, timeout_s=10.0)


def send_signal(name: str, number: signal.Signals) -> Inject:
    """Return what sends a signal to a process; a stopped one goes on when taken back."""
    def inject(scene: Scene) -> Undo | None:
        pid = scene.stage.pid_of(name)
        os.kill(pid, number)
        return None if number != signal.SIGSTOP else lambda: _go_on(pid)

    return inject


def _go_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def robot(fault: str, **arguments: object) -> Inject:
    """Return what causes a fault of the emulated controller; it ends when taken back."""
    def inject(scene: Scene) -> Undo:
        scene.stage.fault(fault, **arguments)
        return scene.stage.clear_faults

    return inject


def in_turn(*injections: Inject, pause_s: float = 0.0) -> Inject:
    """Return what does one thing after the other; taken back in reverse."""
    def inject(scene: Scene) -> Undo:
        undos = []
        for injection in injections:
            undos.append(injection(scene))
            time.sleep(pause_s)

        def undo() -> None:
            for each in filter(None, reversed(undos)):
                each()

        return undo

    return inject


def wait(seconds: float) -> Inject:
    """Return what lets time pass."""
    def inject(_: Scene) -> None:
        time.sleep(seconds)

    return inject


def nothing(_: Scene) -> None:
    """Do nothing: what goes wrong was there from the beginning, or comes with the goal."""


def slide_speed(fraction: float) -> Inject:
    """Return what moves the speed slider of the teach pendant, by RTDE."""
    def inject(scene: Scene) -> Undo:
        _set_slider(scene.stage.address, fraction)
        return lambda: _set_slider(scene.stage.address, 1.0)

    return inject


def _set_slider(address: str, fraction: float) -> None:
    client = RtdeClient(address)
    try:
        recipe = client.write_to(('speed_slider_mask', 'speed_slider_fraction'))
        client.write(struct.pack('>BId', recipe, 1, fraction))
    finally:
        client.close()


def fill_disk(scene: Scene) -> None:
    """Let the recorder write no byte more: RLIMIT_FSIZE of its process, as on a full disk.

    A real full disk needs a file system of its own, and so more rights than a test should have;
    the recorder meets the same OSError at the same call.
    """
    pid = scene.stage.pid_of('perl_recorder')
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def storm(count: int, period_s: float) -> Inject:
    """Return what sends many goals, each elsewhere."""
    def inject(scene: Scene) -> None:
        for _ in range(count):
            offset_m = tuple(scene.draw.uniform(-0.15, 0.15) for _ in range(3))
            scene.driver.send(goal_at(from_centre(offset_m)))
            time.sleep(period_s)

    return inject


def hog_processors(scene: Scene) -> Undo:
    """Keep every processor busy twice over."""
    del scene
    return _child('while True: pass', 2 * (os.cpu_count() or 1))


def hog_memory(scene: Scene) -> Undo:
    """Take a share of the memory that is available, and touch all of it."""
    del scene
    with open('/proc/meminfo') as lines:
        available_kb = next(int(line.split()[1]) for line in lines if 'MemAvailable' in line)
    size = int(available_kb * 1024 * MEMORY_SHARE)
    return _child(f'import time; held = bytearray(b"x") * {size}; time.sleep(60)', 1)


def _child(code: str, count: int) -> Undo:
    """Run Python code in so many processes until taken back."""
    running = [subprocess.Popen([sys.executable, '-S', '-c', code]) for _ in range(count)]

    def undo() -> None:
        for process in running:
            process.kill()
            process.wait()

    return undo


def not_a_number() -> Reach.Goal:
    """Return a goal that is no place."""
    return goal_at((math.nan, 0.0, 0.5))


def unknown_frame() -> Reach.Goal:
    """Return a goal in a frame that nobody knows."""
    goal = goal_at(from_centre(FAR_M[0]))
    goal.target.header.frame_id = 'moon'
    return goal
