"""What a turn of the arm does to observations and actions of the robot's contract.

About the base's z axis a turn is exact: positions and all other vectors turn, and the pan joint
moves along. A rotation of space about the workspace centre turns the vectors; the joint angles
that go with the new tool pose are not known, and stay.
"""

import math

from perl_core.contract import Contract, slice_bounds
from perl_core.layers import PlainTrunk, Trunk, TrunkOutput, TrunkShape
from perl_core.replay import Batch
from perl_core.symmetry import Representation, group_named
import torch
from torch import nn


class ArmFrames(nn.Module):
    """Turns rows of the contract's observation."""

    def __init__(self, contract: Contract) -> None:
        """Find the entries."""
        super().__init__()
        at = slice_bounds(contract.observation)
        self.group = group_named(contract.group)
        self.vector_size = sum(part.size for part in contract.observation if part.kind == 'vector')
        self._sine, self._cosine, self._pan = (
            at[name].start for name in ('joint_sine', 'joint_cosine', 'joint_position_rad')
        )
        # Positions are told from the workspace centre, and a turn about the base moves that too.
        centre = torch.zeros(1, self.vector_size)
        centre[0, at['tool_position_from_centre_base_m']] = torch.tensor(
            contract.workspace_centre_base_m
        )
        self.register_buffer('centre', centre, persistent=False)

    def about_base(
        self, observation: torch.Tensor, angle: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Return observations with the arm turned about the base's z axis.

        Args:
            observation: shape (batch, observation size).
            angle: its cosine and sine, each of shape (batch,).

        Returns:
            Likewise; the position of the pan joint is as it was.
        """
        vectors = observation[:, : self.vector_size] + self.centre
        turned = turn_rows(vectors, about_z(*angle)) - self.centre
        sine, cosine = observation[:, self._sine], observation[:, self._cosine]
        joints = observation[:, self.vector_size :].clone()
        joints[:, self._sine - self.vector_size] = sine * angle[0] + cosine * angle[1]
        joints[:, self._cosine - self.vector_size] = cosine * angle[0] - sine * angle[1]
        return torch.cat((turned, joints), dim=1)

    def to_pan_zero(
        self, observation: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return observations turned by -q1, with q1 at zero, and the rotations back.

        Returns:
            Shapes (batch, observation size) and (batch, 3, 3).
        """
        cosine, sine = observation[:, self._cosine], observation[:, self._sine]
        turned = self.about_base(observation, (cosine, -sine))
        turned[:, self._pan] = 0.0
        return turned, about_z(cosine, sine)

    def drawn(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch, each of its transitions turned by an element of the contract's group."""
        count = len(batch.observation)
        if self.group.name == 'SO2':
            return self._about_base_by(batch, (2.0 * torch.rand(count, generator=generator) - 1.0))
        rotation = self.group.sample(count, generator).to(batch.observation)
        seen, following = (
            torch.cat((turn_rows(rows[:, : self.vector_size], rotation),
                       rows[:, self.vector_size :]), dim=1)
            for rows in (batch.observation, batch.next_observation)
        )  # fmt: skip
        return batch._replace(
            observation=seen, next_observation=following,
            action=turn_rows(batch.action, rotation),
        )  # fmt: skip

    def _about_base_by(self, batch: Batch, half_turns: torch.Tensor) -> Batch:
        angle = math.pi * half_turns.to(batch.observation)
        parts = angle.cos(), angle.sin()
        seen, following = (
            self.about_base(rows, parts) for rows in (batch.observation, batch.next_observation)
        )
        # Within one turn, and by the same shift at both ends of the step.
        pan = torch.atan2(seen[:, self._sine], seen[:, self._cosine])
        shift = pan - batch.observation[:, self._pan]
        for rows in (seen, following):
            rows[:, self._pan] += shift
        return batch._replace(
            observation=seen, next_observation=following,
            action=turn_rows(batch.action, about_z(*parts)),
        )  # fmt: skip


class CanonicalTrunk(nn.Module):
    """A plain network on what is seen with the pan joint at zero; vectors are turned back."""

    def __init__(self, contract: Contract, with_action: bool, shape: TrunkShape) -> None:
        """Build the plain network.

        Args:
            contract: what is seen and said.
            with_action: the action stands behind the observation.
            shape: outputs and hidden layers.
        """
        super().__init__()
        self.frames = ArmFrames(contract)
        self._seen = sum(part.size for part in contract.observation)
        parts = (*contract.observation, *(contract.action if with_action else ()))
        self.trunk = PlainTrunk(parts, group_named(contract.group), shape)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors in ``base``, and scalars."""
        observation, back = self.frames.to_pan_zero(inputs[:, : self._seen])
        action = turn_rows(inputs[:, self._seen :], back.mT)
        vectors, scalars = self.trunk(torch.cat((observation, action), dim=1))
        return TrunkOutput(vectors @ back.mT, scalars)


class FromBaseAxis(nn.Module):
    """A network that is told positions from the base axis, about which SO(2) turns the arm.

    What is observed is told from the workspace centre, which a turn about the base moves.
    """

    def __init__(self, trunk: Trunk, contract: Contract, size: int) -> None:
        """Wrap a network.

        Args:
            trunk: of any kind; vectors come first among its inputs.
            contract: gives the centre.
            size: entries of its inputs.
        """
        super().__init__()
        self.trunk = trunk
        centre = ArmFrames(contract).centre
        beyond = centre.new_zeros(1, size - centre.shape[1])
        self.register_buffer('origin', torch.cat((centre, beyond), dim=1), persistent=False)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return what the network says."""
        return self.trunk(inputs + self.origin)


class AboutBaseAxis(Representation):
    """How what is seen turns about the base axis: linear once it is told from there."""

    def __init__(self, linear: Representation, contract: Contract) -> None:
        """Take the representation of the vectors themselves.

        Args:
            linear: of what is seen.
            contract: gives the centre that positions are told from.
        """
        super().__init__(linear.group, linear.terms)
        self._centre = ArmFrames(contract).centre[0]

    def transform(self, element: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return rows of what is seen, shape (..., size), turned by one element."""
        centre = self._centre.to(values)
        return super().transform(element, values + centre) - centre


def about_z(cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Return rotation matrices about z, shape (batch, 3, 3)."""
    zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    rows = (cosine, -sine, zero, sine, cosine, zero, zero, zero, one)
    return torch.stack(rows, dim=1).unflatten(1, (3, 3))


def turn_rows(rows: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Return rows of 3-vectors, (batch, 3 * count), each row turned by a rotation of its own."""
    return (rows.unflatten(1, (-1, 3)) @ rotation.mT).flatten(1)
