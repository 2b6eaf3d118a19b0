"""A robot that says that it is not in normal operation stops the arm."""

from perl_core.robot_state import SAFETY_BITS

from perl_safety.rules.judged import Observed

HARMLESS_BITS = 0b11
"""normal and reduced (RTDE guide, safety_status_bits)."""
HARMLESS_MODES = (1, 2)
"""NORMAL and REDUCED (RTDE guide, safety_mode)."""


def safety_bits(observed: Observed) -> str | None:
    """Stop on any safety bit but normal and reduced."""
    state = observed.state
    return safety_reason(state.safety_status_bits, state.safety_mode)


def safety_reason(bits: int, mode: int) -> str | None:
    """Return the name of what is wrong with the robot's safety status, or None.

    Args:
        bits: safety_status_bits.
        mode: safety_mode.
    """
    wrong = bits & ~HARMLESS_BITS
    if wrong or not bits & HARMLESS_BITS:
        return f'safety_bits:{_bit_names(wrong)}'
    if mode not in HARMLESS_MODES:
        return f'safety_mode:{mode}'
    return None


def _bit_names(bits: int) -> str:
    """Return the names of the bits that are set, joined by '+'."""
    names = [name for bit, name in enumerate(SAFETY_BITS) if bits >> bit & 1]
    if bits >> len(SAFETY_BITS):
        names.append('unknown')
    return '+'.join(names) or 'none'
