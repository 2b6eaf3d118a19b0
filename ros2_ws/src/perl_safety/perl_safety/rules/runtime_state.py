"""A robot that is not running, or whose program is not, stops the arm."""

from perl_core.robot_state import ROBOT_MODE_RUNNING, RUNTIME_PLAYING

from perl_safety.rules.judged import Observed


def runtime_state(observed: Observed) -> str | None:
    """Stop unless brakes are released and the program plays."""
    state = observed.state
    if state.robot_mode != ROBOT_MODE_RUNNING:
        return f'robot_mode:{state.robot_mode}'
    if state.runtime_state != RUNTIME_PLAYING:
        return f'runtime_state:{state.runtime_state}'
    return None
