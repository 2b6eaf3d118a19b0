"""The functions of URScript that take time: motions, stops, sleep and sync, by name.

Source: UR script manual (e-Series), module motion.
"""

from collections.abc import Callable, Sequence
import math

import numpy as np
from perl_sim.ur_controller.actions import Actions, require_finite
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.performer import Performer, Routine
from perl_sim.ur_controller.tool_motions import ServoC, SpeedL
from perl_sim.ur_controller.urscript_functions import six
from perl_sim.ur_controller.urscript_interpreter import Builtin, Pose
from perl_sim.ur_controller.ways import Leg, Pace, Travel, circle_leg, pace_for

JOINT_PACE = Pace(1.05, 1.4)
"""Defaults of movej: speed and acceleration. Source: UR script manual."""
TOOL_PACE = Pace(0.25, 1.2)
"""Defaults of movel, movep, movec and servoc. Source: UR script manual."""
MAX_WAIT_S = 1e6
"""Longest sleep. Own choice."""


class MotionFunctions:
    """Motions of one program."""

    def __init__(self, performer: Performer, actions: Actions) -> None:
        """Move with this program's performer.

        Args:
            performer: issues the motions.
            actions: check and prepare them.
        """
        self._performer, self._actions = performer, actions
        self._arm, self._tool = actions.arm, actions.tool
        self._travel: Travel | None = None

    def table(self) -> dict[str, Builtin]:
        """Return the functions by name."""
        return {
            'movej': self.move_j, 'movel': self.move_l, 'movep': self.move_p,
            'movec': self.move_c, 'servoj': self.servo_j, 'servoc': self.servo_c,
            'speedj': self.speed_j, 'speedl': self.speed_l, 'stopj': self.stop_j,
            'stopl': self.stop_l, 'sleep': self.sleep, 'sync': self.sync,
            'force_mode': self.force_mode, 'end_force_mode': self.end_force_mode,
            'freedrive_mode': self.freedrive, 'end_freedrive_mode': self.end_freedrive,
            'teach_mode': self.freedrive, 'end_teach_mode': self.end_freedrive,
            'direct_torque': self.direct_torque,
        }

    def move_j(
        self, q: list, a: float = JOINT_PACE.acceleration, v: float = JOINT_PACE.speed,
        t: float = 0.0, r: float = 0.0,
    ) -> Routine:
        """Movej to joint angles, or to a pose."""
        target_rad = six(q)
        if isinstance(q, Pose):
            target_rad = self._actions.solve(target_rad, self._near_rad())
        way_rad = float(np.abs(target_rad - self._near_rad()).max())
        pace = _pace(v, a, t, way_rad)
        return self._go(self._actions.joint_leg(target_rad, pace, float(r)))

    def move_l(
        self, pose: list, a: float = TOOL_PACE.acceleration, v: float = TOOL_PACE.speed,
        t: float = 0.0, r: float = 0.0,
    ) -> Routine:
        """Movel to a pose, or to where joint angles bring the tool."""
        target = six(pose) if isinstance(pose, Pose) else self._tool.pose(six(pose))
        start = self._tool.pose(self._near_rad())
        way_m = math.dist(start[:3], target[:3])
        pace = _pace(v, a, t, way_m)
        return self._go(self._actions.tool_leg(target, pace, float(r)))

    def move_p(
        self, pose: list, a: float = TOOL_PACE.acceleration, v: float = TOOL_PACE.speed,
        r: float = 0.0,
    ) -> Routine:
        """movep: as movel, which blends without a change of speed on the robot."""
        return self.move_l(pose, a, v, 0.0, r)

    def move_c(
        self, pose_via: list, pose_to: list, a: float = TOOL_PACE.acceleration,
        v: float = TOOL_PACE.speed, r: float = 0.0, mode: int = 0,
    ) -> Routine:
        """Movec over one pose to another."""
        via, target = six(pose_via), six(pose_to)
        require_finite(np.concatenate((via, target, (a, v, r))))
        return self._go(circle_leg(self._tool, (via, target), Pace(float(v), float(a)), float(r)))

    def servo_j(
        self, q: list, a: float = 0.0, v: float = 0.0, t: float = TICK_S,
        lookahead_time: float = 0.1, gain: float = 300.0,
    ) -> Routine:
        """Servoj for t seconds."""
        target_rad = six(q)
        self._actions.require_target(target_rad)
        arguments = self._actions.servo_arguments(float(lookahead_time), float(gain))
        yield from self._keep(lambda: self._arm.servo_j(target_rad, *arguments), t)

    def servo_c(
        self, pose: list, a: float = TOOL_PACE.acceleration, v: float = TOOL_PACE.speed,
        r: float = 0.0,
    ) -> Routine:
        """Servoc to a pose."""
        target = six(pose)
        require_finite(np.append(target, (a, v)))
        self._actions.solve(target, self._near_rad())
        motion = ServoC(self._tool, float(v), float(a))
        motion.target = target
        self._performer.keep_doing(lambda: self._arm.begin(motion))
        yield
        while math.dist(self._tool.pose(self._near_rad())[:3], target[:3]) > max(float(r), 1e-4):
            yield

    def speed_j(self, qd: list, a: float = 1.4, t: float = 0.0) -> Routine:
        """Speedj for t seconds, or until the speed is reached."""
        velocity_rad_s, acceleration = six(qd), float(a)
        require_finite(np.append(velocity_rad_s, acceleration))
        self._performer.keep_doing(lambda: self._arm.speed_j(velocity_rad_s, acceleration))
        return self._speed(t, lambda: self._arm.reference.velocity_rad_s - velocity_rad_s)

    def speed_l(
        self, xd: list, a: float = 1.2, t: float = 0.0, aRot: float = 0.0  # noqa: N803
    ) -> Routine:
        """Speedl for t seconds, or until the speed is reached."""
        twist = six(xd)
        require_finite(np.append(twist, float(a)))
        motion = SpeedL(self._tool, twist, float(a))
        self._performer.keep_doing(lambda: self._arm.begin(motion))
        return self._speed(
            t, lambda: self._tool.pose_and_speed(*self._arm.reference)[1] - twist)

    def stop_j(self, a: float = 2.0) -> Routine:
        """Stopj."""
        return self._performer.perform(self._actions.stopping(float(a), linear=False))

    def stop_l(self, a: float = 3.0, aRot: float = 0.0) -> Routine:  # noqa: N803
        """Stopl."""
        return self._performer.perform(self._actions.stopping(float(a), linear=True))

    def sleep(self, t: float) -> Routine:
        """Sleep for t seconds."""
        for _ in range(_ticks(t)):
            yield

    def sync(self) -> Routine:
        """sync: let the rest of the tick pass."""
        yield

    def force_mode(
        self, task_frame: list, selection_vector: list, wrench: list,
        type: int, limits: list,
    ) -> None:
        """force_mode."""
        wanted = self._actions.force_mode(
            six(task_frame), six(selection_vector), six(wrench), int(type), six(limits))
        present = self._arm.compliance
        if present is None or self._arm.is_free:
            self._performer.give_way(wanted)
        else:
            present.task = wanted.task

    def end_force_mode(self) -> None:
        """end_force_mode."""
        self._performer.give_way(None)

    def freedrive(
        self, freeAxes: Sequence = (1,) * 6, feature: Sequence = (0.0,) * 6  # noqa: N803
    ) -> None:
        """freedrive_mode and teach_mode."""
        way = self._actions.freedrive(six(freeAxes), six(feature))
        self._performer.give_way(way, free=True)

    def end_freedrive(self) -> None:
        """end_freedrive_mode and end_teach_mode."""
        self._performer.give_way(None)

    def direct_torque(
        self, torque: list, friction_comp: bool = True,
        viscous_scale: Sequence = (0.9, 0.9, 0.8, 0.9, 0.9, 0.9),
        coulomb_scale: Sequence = (0.8, 0.8, 0.7, 0.8, 0.8, 0.8),
    ) -> Routine:
        """direct_torque for one tick."""
        shares = np.clip((six(viscous_scale), six(coulomb_scale)), 0.0, 1.0)
        torque_n_m = six(torque)
        require_finite(torque_n_m)
        self._performer.keep_doing(lambda: None)
        self._arm.drives.command_torque(torque_n_m, *shares * bool(friction_comp))
        yield

    def _near_rad(self) -> np.ndarray:
        return self._arm.reference.position_rad

    def _go(self, leg: Leg) -> Routine:
        travel = self._travel
        goes_on = travel is not None and travel is self._arm.motion and not travel.done
        if travel is not None and goes_on and travel.waits:
            travel.add(leg)
        else:
            travel = self._travel = Travel(self._tool, [leg])
        moving = travel

        def begin() -> None:
            # After a pause the leg begins anew; else this is the travel that goes on.
            if self._arm.motion is not moving:
                moving.again()
                self._arm.begin(moving)

        if leg.blend_m <= 0.0:
            return self._performer.perform(begin)
        return self._performer.perform(begin, until=lambda: moving.waits)

    def _keep(self, motion: Callable[[], None], time_s: float) -> Routine:
        self._performer.keep_doing(motion)
        for _ in range(max(_ticks(time_s), 1)):
            yield

    def _speed(self, time_s: float, difference: Callable[[], np.ndarray]) -> Routine:
        if time_s > 0.0:
            for _ in range(max(_ticks(time_s), 1)):
                yield
            return
        yield
        while float(np.abs(difference()).max()) > 1e-3:
            yield


def _pace(speed: float, acceleration: float, time_s: float, length: float) -> Pace:
    if time_s > 0.0 and length > 0.0:
        return pace_for(length, float(time_s))
    return Pace(float(speed), float(acceleration))


def _ticks(time_s: float) -> int:
    if not 0.0 <= time_s <= MAX_WAIT_S:
        raise ValueError(f'a time is 0 to {MAX_WAIT_S} s; got {time_s}')
    return round(time_s / TICK_S)
