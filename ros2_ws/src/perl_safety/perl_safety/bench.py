"""Times the safety filter alone: ``python -m perl_safety.bench``. Run it on a quiet machine.

Two motions of an arm that follows exactly: one as a policy moves it, with a new joint velocity
every 40 ms and everything inside the limits; one that is pushed against borders all the time, so
that every tick needs an inspection and the quadratic programme.
"""

import dataclasses
import gc
import json
import sys
import time
from typing import NamedTuple

import numpy as np
from perl_core.action import Command, plan_segment, stoppable_velocity
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState

from perl_safety.filter import SafetyFilter
from perl_safety.limits import Obstacle, load_limits

TICKS = 10_000
"""Of each motion: 20 s."""
BAR_US = 250.0
"""99 of 100 ticks of free motion take at most this: half of what a whole control tick may take."""
_BOX = Obstacle(
    name='box', centre_base_m=(-0.65, -0.13, 0.15), half_size_m=(0.2, 0.02, 0.15),
    min_distance_m=0.02,
)  # fmt: skip


class FilterCost(NamedTuple):
    """What ticks of one motion took."""

    motion: str
    """Which."""
    p50_us: float
    """Median."""
    p99_us: float
    """99 of 100 ticks took at most this."""
    max_us: float
    """The longest."""
    limited_share: float
    """Of the ticks that did not pass as they were."""


def measure(motion: str, ticks: int = TICKS, seed: int = 0) -> FilterCost:
    """Return what the filter costs in one motion.

    Args:
        motion: 'free' or 'pushed'.
        ticks: how many.
        seed: of the random velocities.
    """
    contract, rng = Contract(), np.random.default_rng(seed)
    limits = load_limits()
    if motion == 'pushed':
        limits = dataclasses.replace(limits, obstacles=(_BOX,))
    safety = SafetyFilter(limits, Kinematics(), contract.control_period_s)
    home = np.array(contract.home_rad)
    command, asked, wanted = Command(home, np.zeros(6)), [], np.zeros(6)
    safety.seed(home)
    costs_us, limited = np.zeros(ticks), 0
    for tick in range(ticks):
        if not asked:
            back = 2.0 * (home - command.position_rad)
            if motion == 'free' or tick % 500 == 0:
                wanted = np.clip(back + rng.normal(scale=0.5, size=6), -1.0, 1.0)
            if motion == 'pushed' and tick % 500 == 0:
                wanted = rng.choice((-1.5, 1.5), size=6)
            velocity = stoppable_velocity(wanted, command, contract)
            asked = list(plan_segment(velocity, command, contract).position_rad)
        state = RobotState(
            0.002 * tick, 0, command.position_rad, command.velocity_rad_s, 7, 1, 1, 2, 1.0
        )
        target_rad = asked.pop(0)
        began_ns = time.perf_counter_ns()
        result = safety.step(target_rad, state, 0)
        costs_us[tick] = (time.perf_counter_ns() - began_ns) * 1e-3
        command = Command(
            result.position_rad, result.velocity_rad_s, result.acceleration_rad_s2
        )
        if result.severity:
            limited += 1
            asked = []
    p50_us, p99_us = np.percentile(costs_us, (50, 99))
    return FilterCost(
        motion, float(p50_us), float(p99_us), float(costs_us.max()), limited / ticks
    )


def main() -> int:
    """Measure both motions and print them, last as JSON; 1 if free motion is above its bar."""
    gc.collect()
    gc.freeze()
    costs = [measure(motion) for motion in ('free', 'pushed')]
    for cost in costs:
        sys.stdout.write(
            f'{cost.motion:7s} p50 {cost.p50_us:6.1f} us  p99 {cost.p99_us:6.1f} us  '
            f'max {cost.max_us:7.1f} us  limited {100 * cost.limited_share:5.1f} %\n'
        )
    sys.stdout.write(json.dumps([cost._asdict() for cost in costs]) + '\n')
    return int(costs[0].p99_us > BAR_US)


if __name__ == '__main__':
    sys.exit(main())
