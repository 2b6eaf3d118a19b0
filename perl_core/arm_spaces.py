"""The robot's contract as spaces: 3-vectors in ``base``, and the arm's own trunks."""

import dataclasses

from perl_core.arm_frames import AboutBaseAxis, ArmFrames, CanonicalTrunk, FromBaseAxis
from perl_core.blocks import Blocks
from perl_core.contract import Contract, Slice, scales
from perl_core.errors import ConfigError
from perl_core.layers import (
    ApproximateTrunk,
    EquivariantTrunk,
    PlainTrunk,
    RelaxedTrunk,
    ResidualPathwayTrunk,
    Trunk,
    TrunkShape,
    vector_parts,
)
from perl_core.replay import Batch
from perl_core.shared_trunk import SharedTrunk
from perl_core.spaces import Head, Inputs, StandardTrunk, TrunkKind
from perl_core.symmetry import Representation, group_named
import torch

_TRUNKS = {
    'plain': PlainTrunk, 'relaxed': RelaxedTrunk, 'residual': ResidualPathwayTrunk,
    'approximate': ApproximateTrunk,
}  # fmt: skip


class ArmSpaces:
    """What a ``Contract`` says, for the parts of an agent."""

    def __init__(self, contract: Contract) -> None:
        """Count entries; the equivariant branch sees the vectors and nothing else."""
        self.contract, self.group = contract, group_named(contract.group)
        self._seen = vector_parts(contract.observation)
        self.observation_size, self.action_size = contract.observation_size, contract.action_size
        self.seen_size = contract.seen_size
        self.action, self.change = _threes(self.action_size), _threes(self.seen_size)
        self.seen, self.said = Representation.of(self._seen), Representation.of(contract.action)
        if self.group.name == 'SO2':
            self.seen = AboutBaseAxis(self.seen, contract)
        self.scale = torch.from_numpy(scales(contract.observation))
        self.inverse_scale = 1.0 / torch.from_numpy(scales(self._seen))
        self._frames = ArmFrames(contract)

    def trunk(self, kind: TrunkKind, inputs: Inputs, head: Head, shape: TrunkShape) -> Trunk:
        """Return a network; see ``Spaces``."""
        shape = self._shaped(head, shape)
        if kind == 'canonical':
            return CanonicalTrunk(self.contract, inputs == 'pair', shape)
        seen = self._seen if kind == 'equivariant' else self.contract.observation
        parts = self._parts(seen, inputs)
        build = EquivariantTrunk if kind == 'equivariant' else _TRUNKS[kind]
        trunk = build(parts, self.group, shape)
        return trunk if kind == 'plain' else self._placed(trunk, parts)

    def shared(
        self, kind: StandardTrunk, inputs: Inputs, head: Head, shape: TrunkShape
    ) -> tuple[Trunk, Trunk]:
        """Return an equivariant trunk, and a standard one on its features; see ``Spaces``."""
        if kind not in _TRUNKS:
            raise ConfigError(
                f'a shared trunk goes on with a network of one of {sorted(_TRUNKS)}; got {kind!r}'
            )
        parts = self._parts(self.contract.observation, inputs)
        trunk = SharedTrunk(parts, self.group, self._shaped(head, shape), _TRUNKS[kind])
        seen = self._parts(self._seen, inputs)
        return self._placed(trunk.equivariant, seen), self._placed(trunk, parts)

    def turned(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch turned by elements of the group; see ``ArmFrames``."""
        return self._frames.drawn(batch, generator)

    def _parts(self, observation: tuple[Slice, ...], inputs: Inputs) -> tuple[Slice, ...]:
        return (*observation, *self.contract.action) if inputs == 'pair' else observation

    def _placed(self, trunk: Trunk, parts: tuple[Slice, ...]) -> Trunk:
        """Return a network whose geometry has its origin on what the group leaves in place."""
        if self.group.name != 'SO2':
            return trunk
        return FromBaseAxis(trunk, self.contract, sum(part.size for part in parts))

    def _shaped(self, head: Head, shape: TrunkShape) -> TrunkShape:
        vectors = {'action': self.action.count, 'change': self.change.count, 'values': 0}
        return dataclasses.replace(shape, vectors=vectors[head])


def _threes(size: int) -> Blocks:
    return Blocks([range(start, start + 3) for start in range(0, size, 3)])
