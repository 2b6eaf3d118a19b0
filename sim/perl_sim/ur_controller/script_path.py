"""The path that ur_rtde's movePath writes into the control script before it uploads it."""

import re

import numpy as np
from perl_sim.ur_controller.actions import Actions
from perl_sim.ur_controller.script_errors import ScriptError
from perl_sim.ur_controller.ways import Leg, Pace

PATH = re.compile(r'# inject move path\n(.*?)^\s*end\b', re.DOTALL | re.MULTILINE)
"""Where the path is in a control script."""
_NUMBER = r'([-+0-9.eEnaif]+)'
_LINE = re.compile(
    r'\s*(movej|movel|movep)\((p?)\[' + ','.join([_NUMBER] * 6) + r'\],'
    rf'a={_NUMBER},v={_NUMBER},r={_NUMBER}\)\s*$'
)
_SIGNAL = re.compile(r'\s*signal_async_progress\(\d+\)\s*$')


def path_legs(text: str, actions: Actions) -> list[Leg]:
    """Return the legs of the path in a control script; none if there is no path.

    Args:
        text: of the control script.
        actions: check what is asked for.

    Raises:
        ScriptError: a line is none that movePath writes.
    """
    found = PATH.search(text)
    lines = found.group(1).splitlines() if found else []
    return [_leg(line, actions) for line in lines if line.strip() and not _SIGNAL.match(line)]


def _leg(line: str, actions: Actions) -> Leg:
    parts = _LINE.match(line)
    if not parts:
        raise ScriptError(
            f'a path consists of movej, movel and movep with literal numbers; got {line.strip()}')
    kind, is_pose, *texts = parts.groups()
    numbers = _numbers(texts, line)
    target, (acceleration, speed, blend_m) = np.array(numbers[:6]), numbers[6:]
    pace = Pace(speed, acceleration)
    if kind == 'movej':
        near_rad = actions.arm.reference.position_rad
        joints_rad = actions.solve(target, near_rad) if is_pose else target
        return actions.joint_leg(joints_rad, pace, blend_m)
    pose = target if is_pose else actions.tool.pose(target)
    return actions.tool_leg(pose, pace, blend_m)


def _numbers(texts: list[str], line: str) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise ScriptError(f'a number was expected in {line.strip()}') from None
