"""What the control loop is doing: ControllerState.msg's states and how they follow each other."""

from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """As in ControllerState.msg."""

    DISCONNECTED = 0
    """No robot, or no fresh state from it."""
    STANDBY = 1
    """Connected, holds still, refuses goals."""
    ARMED = 2
    """Holds still, accepts goals."""
    MOVING = 3
    """A goal is being pursued."""
    STOPPING = 4
    """Ramping down."""
    FAULT = 5
    """Stopped for a named reason, latched until reset."""


class Situation(NamedTuple):
    """Everything that the next state depends on."""

    faulted: bool
    """The safety filter has latched a stop."""
    ending: bool
    """The loop is about to end."""
    wants_armed: bool
    """The node wants to be able to move."""
    may_arm: bool
    """Whoever must watch, watches."""
    goal_active: bool
    """A goal is being asked for."""
    at_rest: bool
    """The last command stood still."""


def is_armed(state: State, armed: bool, situation: Situation) -> bool:
    """Return whether the loop may move, given whether it might before.

    Arming takes a still arm and a watching monitor; disarming takes nothing.
    """
    if situation.faulted or situation.ending or not situation.wants_armed:
        return False
    return armed or (state == State.STANDBY and situation.may_arm and situation.at_rest)


def next_state(armed: bool, situation: Situation) -> State:
    """Return the state that follows."""
    if not situation.at_rest and not (armed and situation.goal_active):
        return State.STOPPING
    if situation.faulted:
        return State.FAULT
    if not armed:
        return State.STANDBY
    return State.MOVING if situation.goal_active else State.ARMED
