"""Turns recorded observations and actions by elements of a policy's group.

Just as training does (perl_core.arm_frames, which needs torch): about the base's z axis a turn is
exact, positions are told from that axis meanwhile, and the pan joint moves along. A rotation about
the workspace centre turns the vectors; the joints that go with it are not known, and stay.
"""

import numpy as np
from perl_core.contract import Contract, slice_bounds

_TURNS = 4
"""Elements by which each observation is turned."""


class Turns:
    """What the same few elements of a contract's group do."""

    def __init__(self, contract: Contract) -> None:
        """Find the entries.

        Args:
            contract: of the policy.
        """
        at = slice_bounds(contract.observation)
        self.elements = group_elements(contract.group)
        """Rotations in ``base``."""
        self._about_base = contract.group == 'SO2'
        self._size = sum(part.size for part in contract.observation if part.kind == 'vector')
        self._sine, self._cosine, self._pan = (
            at[name].start for name in ('joint_sine', 'joint_cosine', 'joint_position_rad')
        )
        self._centre = np.zeros(self._size, dtype=np.float32)
        if self._about_base:
            centre_m = contract.workspace_centre_base_m
            self._centre[at['tool_position_from_centre_base_m']] = centre_m

    def observations(self, rows: np.ndarray) -> np.ndarray:
        """Return all rows turned by the first element, then all by the second, and so on."""
        return np.concatenate([self._observed(rows, element) for element in self.elements])

    def actions(self, rows: np.ndarray) -> np.ndarray:
        """Return actions, vectors and nothing else, likewise."""
        return np.concatenate([turn(rows, element) for element in self.elements])

    def _observed(self, rows: np.ndarray, element: np.ndarray) -> np.ndarray:
        turned = rows.copy()
        vectors = turn(rows[:, : self._size] + self._centre, element) - self._centre
        turned[:, : self._size] = vectors
        if self._about_base:
            cosine, sine = element[0, 0], element[1, 0]
            sines, cosines = rows[:, self._sine], rows[:, self._cosine]
            turned[:, self._sine] = sines * cosine + cosines * sine
            turned[:, self._cosine] = cosines * cosine - sines * sine
            # Within one turn.
            turned[:, self._pan] = np.arctan2(turned[:, self._sine], turned[:, self._cosine])
        return turned


def group_elements(group: str) -> list[np.ndarray]:
    """Return the same few rotations every time: spread over SO(3), or over a turn about z."""
    if group == 'SO2':
        angles = 2.0 * np.pi * np.arange(1, _TURNS + 1) / (_TURNS + 1)
        return [_about_z(angle) for angle in angles.tolist()]
    generator = np.random.default_rng(0)
    return [_from_quaternion(generator.normal(size=4)) for _ in range(_TURNS)]


def turn(rows: np.ndarray, element: np.ndarray) -> np.ndarray:
    """Return rows of vectors, one after another, each of them turned."""
    vectors = rows.reshape(len(rows), -1, 3) @ element.T.astype(rows.dtype)
    return vectors.reshape(len(rows), -1)


def _about_z(angle_rad: float) -> np.ndarray:
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.array(((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0)))


def _from_quaternion(quaternion: np.ndarray) -> np.ndarray:
    """Return the rotation of a quaternion of any length, (x, y, z, w)."""
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array((
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ))
