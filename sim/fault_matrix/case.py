"""One fault as data: what is done, and what must come of it."""

from collections.abc import Callable
import dataclasses
from typing import Literal

from fault_matrix.injections import Inject, Scene, nothing
from perl_msgs.action import Reach

RAMP_RAD_S2 = 12.0
"""How the filter brakes: max_joint_acceleration_rad_s2 of the shipped limits."""
PROGRAM_STOP_RAD_S2 = 4.0
"""How the robot brakes when its program ends (stopj of UR's external_control.urscript)."""
HEARTBEAT_S = 0.2
"""heartbeat_timeout_s of the shipped limits."""
STALE_S = 0.1
"""state_stop_age_s of the shipped limits."""
WATCHDOG_S = 0.1
"""The controller ends a program that hears nothing for so long (perl_control/robots/ur.py)."""
ROUND_S = 0.05
"""From a fact to the tick that acts on it: a round of the monitor, transport, and a busy machine.
Own choice."""

Come = Literal['stops', 'goes_on', 'either', 'refuses_goal', 'refuses_start']
Variant = Literal['plain', 'rigged']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One fault."""

    name: str
    """Short, unique."""
    group: str
    """Heading in the table."""
    what: str
    """What is done, for people."""
    inject: Inject = nothing
    """Does it."""
    come: Come
    """What must come of it: the arm stops; nothing noticeable; either; the goal is refused; the
    stack does not start."""
    reasons: tuple[str, ...] = ()
    """Regular expressions: the first reason that is named must match one of them."""
    detect_s: float = HEARTBEAT_S + ROUND_S
    """By when it must have been noticed."""
    deceleration_rad_s2: float = PROGRAM_STOP_RAD_S2
    """How the arm brakes then."""
    ends_stack: bool = False
    """Whether the stack ends by it."""
    goal: Callable[[Scene], Reach.Goal] | None = None
    """During whose pursuit it is done; None: any goal far away."""
    at_rest: bool = False
    """Done while the arm stands."""
    hold_s: float = 1.0
    """How long it lasts where nothing need stop."""
    new_emulator: bool = False
    """Whether the emulated arm must be started anew afterwards."""
    lates_arm: bool = False
    """Whether the emulated arm itself pauses by it, as no real one does: after such a pause it
    jumps after its targets, and says nothing about limits."""
    variant: Variant = 'plain'
    """Of the stack."""
    emulator: tuple[str, ...] = ()
    """Further options of the emulated arm, at a start that is to be refused."""
    words: Callable[[Scene], tuple[str, ...]] | None = None
    """Further arguments of the stack, at a start that is to be refused."""
    environment: tuple[tuple[str, str], ...] = ()
    """Of the stack, at a start that is to be refused."""
