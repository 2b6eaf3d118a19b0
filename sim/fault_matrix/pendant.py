"""The operator of the emulated arm: brings it back to normal by its dashboard."""

import contextlib
import time

from perl_core.errors import RobotError
from perl_safety.dashboard import Dashboard

READY_S = 15.0
"""Protective stops are unlocked after 5 s at the earliest (UR dashboard server manual)."""
AGAIN_S = 1.5
"""Between two tries of the same button. Own choice."""
_CURES = {
    'PROTECTIVE_STOP': ('close safety popup', 'unlock protective stop'),
    'VIOLATION': ('close safety popup', 'restart safety'),
    'FAULT': ('close safety popup', 'restart safety'),
    'POWER_OFF': ('power on',),
    'IDLE': ('brake release',),
}
"""What to press in each state."""


def bring_back(address: str, limit_s: float = READY_S) -> None:
    """Return when the arm is switched on, in normal safety status and in remote control.

    Raises:
        RobotError: it cannot be brought back in time.
    """
    deadline_s, dashboard, state = time.monotonic() + limit_s, Dashboard(address), ''
    pressed, again_s = '', 0.0
    try:
        while time.monotonic() < deadline_s:
            with contextlib.suppress(RobotError):
                state = _state(dashboard)
                if state == '':
                    return
                # Pressed again too soon, a button begins its sequence anew.
                if state in _CURES and (state != pressed or time.monotonic() > again_s):
                    pressed, again_s = state, time.monotonic() + AGAIN_S
                    for line in _CURES[state]:
                        dashboard.command(line)
            time.sleep(0.1)
    finally:
        dashboard.close()
    raise RobotError(f'the arm at {address} is still in {state or "no contact"} after {limit_s} s')


def _state(dashboard: Dashboard) -> str:
    """Return what keeps the arm from working; empty if nothing does."""
    safety = dashboard.command('safetystatus').rpartition(': ')[2]
    if safety not in ('NORMAL', 'REDUCED'):
        return safety
    mode = dashboard.command('robotmode').rpartition(': ')[2]
    if mode != 'RUNNING':
        return mode
    return '' if dashboard.command('is in remote control') == 'true' else 'LOCAL'
