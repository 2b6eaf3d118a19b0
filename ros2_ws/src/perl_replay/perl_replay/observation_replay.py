"""Builds recorded observations again, with today's function, from their joints and the goal."""

import dataclasses

import numpy as np
from perl_core.contract import OBSERVATION, Contract, slice_bounds
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import build_observation
from perl_core.rotation import rotation_from_quaternion

from perl_replay.episodes import Episode

_EVERY = 20
"""One of so many policy periods is built again: a change of the function shows in all of them."""
_AT = slice_bounds(OBSERVATION)
_ROUNDING = 1e-4
"""The joints were rounded to float32; half a millimetre of calibration is far above it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObservationReplayFigures:
    """How today's observations differ from the recorded ones."""

    states: int
    """Observations that were built again."""
    difference_max: float
    """Largest difference of an entry, in its own unit."""
    slice: str
    """In which part of the observation; empty if none differs."""


class ObservationReplay:
    """Largest difference over episodes."""

    def __init__(self, kinematics: Kinematics, contract: Contract) -> None:
        """Start without episodes.

        Args:
            kinematics: nominal; what a calibration changes shows as a difference.
            contract: gives the workspace centre.
        """
        self._kinematics, self._contract = kinematics, contract
        self._states = 0
        self._largest, self._slice = 0.0, ''

    def add(self, episode: Episode) -> None:
        """Take an episode."""
        if not episode.target:
            return
        target = np.array(episode.target)
        goal = Pose(target[:3], rotation_from_quaternion(target[3:]))
        for recorded in episode.observation[::_EVERY].astype(float):
            again = build_observation(
                recorded[_AT['joint_position_rad']], recorded[_AT['joint_velocity_rad_s']], goal,
                self._kinematics, self._contract,
            )
            self._states += 1
            self._compare(np.abs(again - recorded))

    def _compare(self, difference: np.ndarray) -> None:
        largest = float(difference.max())
        if largest > self._largest:
            worst = int(difference.argmax())
            names = [name for name, at in _AT.items() if at.start <= worst < at.stop]
            self._largest, self._slice = largest, names[0]

    def figures(self) -> ObservationReplayFigures:
        """Return the figures."""
        return ObservationReplayFigures(
            states=self._states, difference_max=self._largest, slice=self._slice
        )

    def notes(self) -> list[str]:
        """Return a sentence if today's function and nominal kinematics say something else."""
        if self._largest <= _ROUNDING:
            return []
        return [
            f'observations that are built again differ by up to {self._largest:.3g} in '
            f'{self._slice}: the arm was calibrated, or the observation has changed since'
        ]
