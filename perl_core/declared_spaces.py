"""Any environment's spaces: networks between the representations that its contract declares."""

from perl_core.block_structure import block_structure
from perl_core.blocks import Blocks
from perl_core.environment_contract import EnvironmentContract
from perl_core.errors import ConfigError, ContractError
from perl_core.layers import (
    Ensemble,
    Kind,
    NetworkShape,
    Trunk,
    TrunkOutput,
    TrunkShape,
    network,
)
from perl_core.replay import Batch
from perl_core.spaces import Head, Inputs, StandardTrunk, TrunkKind
from perl_core.symmetry import (
    Augmentation,
    Representation,
    Space,
    Transition,
    group_named,
    trivial,
)
import torch
from torch import nn

_KINDS: dict[str, Kind] = {
    'equivariant': 'equivariant', 'residual': 'residual', 'approximate': 'relaxed',
    # The free network that is closest to the equivariant one.
    'relaxed': 'residual',
}  # fmt: skip


class DeclaredSpaces:
    """What an ``EnvironmentContract`` says, for the parts of an agent."""

    def __init__(self, contract: EnvironmentContract) -> None:
        """Build the representations.

        Raises:
            SymmetryError: the description of a slice is unknown, or does not fit the others.
            ConfigError: there is no such group.
            ContractError: the slices have more or fewer entries than the environment.
        """
        self.contract, self.group = contract, group_named(contract.group)
        observation = Space(self.group, contract.observation)
        action = Space(self.group, contract.action)
        for name, space in (('observation', observation), ('action', action)):
            size = getattr(contract, f'{name}_size')
            if space.size != size:
                raise ContractError(
                    f'the {name} of {contract.environment} has {size} entries, its description '
                    f'{space.size}: {space}'
                )
        self.seen, self.said = observation.representation, action.representation
        self.observation_size = self.seen_size = observation.size
        self.action_size = action.size
        (self.action, self._spread), (self.change, _) = map(
            block_structure, (self.said, self.seen)
        )
        scale = torch.ones(observation.size)
        for name, part in observation.parts.items():
            scale[list(part.at)] = contract.scale.get(name, 1.0)
        self.scale, self.inverse_scale = scale, 1.0 / scale
        self._augmentation = Augmentation(observation, action)

    def trunk(self, kind: TrunkKind, inputs: Inputs, head: Head, shape: TrunkShape) -> Trunk:
        """Return a network; see ``Spaces``."""
        rho_in = self.seen + self.said if inputs == 'pair' else self.seen
        return self._trunk(kind, rho_in, head, shape)

    def _trunk(
        self, kind: TrunkKind, rho_in: Representation, head: Head, shape: TrunkShape
    ) -> 'DeclaredTrunk':
        if kind == 'canonical':
            raise ConfigError(
                "the agent 'canonical' needs to know which way the robot faces, which is known "
                "of the arm only; choose 'augmented' or another agent"
            )
        inverse_scale = torch.ones(rho_in.size)
        inverse_scale[: self.seen_size] = self.inverse_scale
        blocks, rho_out = self._put_out(head, shape)
        if kind == 'plain':
            mlps = Ensemble.build(rho_in.size, rho_out.size, shape)
        else:
            size = NetworkShape(
                width=shape.width, depth=shape.depth, last_layer_scale=shape.last_layer_scale
            )
            mlps = SideBySide(
                network(_KINDS[kind], rho_in, rho_out, size) for _ in range(shape.members)
            )
        return DeclaredTrunk(mlps, inverse_scale, blocks)

    def _put_out(
        self, head: Head, shape: TrunkShape
    ) -> tuple[Blocks | None, Representation]:
        scalars = shape.scalars * trivial(self.group)
        if head == 'action':
            return self.action, self.said + self._spread
        return (self.change, self.seen + scalars) if head == 'change' else (None, scalars)

    def shared(
        self, kind: StandardTrunk, inputs: Inputs, head: Head, shape: TrunkShape
    ) -> tuple[Trunk, Trunk]:
        """Refuse: this ablation is of the arm's trunks."""
        raise ConfigError(
            'agent.share_actor_trunk and agent.share_critic_trunk are ablations on the arm; on '
            f'{self.contract.environment} leave them out'
        )

    def turned(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch, each of its transitions turned by an element of its own."""
        turned = self._augmentation(
            Transition(batch.observation, batch.action, batch.next_observation), generator
        )
        return batch._replace(**turned._asdict())


class SideBySide(nn.ModuleList):
    """Independent networks on the same inputs."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what they put out, side by side."""
        return torch.cat([member(inputs) for member in self], dim=1)


class DeclaredTrunk(nn.Module):
    """Scaled inputs -> networks -> blocks and scalars."""

    def __init__(
        self, mlps: nn.ModuleList, inverse_scale: torch.Tensor, blocks: Blocks | None
    ) -> None:
        """Wrap networks.

        Args:
            mlps: put out the entries of the blocks, then scalars.
            inverse_scale: of the inputs.
            blocks: of what is put out; None if there are scalars only.
        """
        super().__init__()
        self.mlps, self.blocks = mlps, blocks
        self.register_buffer('inverse_scale', inverse_scale, persistent=False)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return blocks, shape (batch, blocks, d), and scalars."""
        outputs = self.mlps(inputs * self.inverse_scale)
        if self.blocks is None:
            return TrunkOutput(outputs.new_zeros(outputs.shape[0], 0, 1), outputs)
        flat, scalars = outputs[:, : self.blocks.size], outputs[:, self.blocks.size :]
        return TrunkOutput(self.blocks.split(flat), scalars)
