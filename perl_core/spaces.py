"""What an agent sees and says, as its parts need it: sizes, blocks, and networks between spaces.

Every part (actor, critic, predictors, gate, detector) is built from ``Spaces`` and knows neither
the robot nor the environment. The UR5e's are in ``perl_core.arm_spaces``.
"""

from typing import Literal, Protocol

from perl_core.blocks import Blocks
from perl_core.layers import Trunk, TrunkShape
from perl_core.replay import Batch
from perl_core.symmetry import Group, Representation
import torch

StandardTrunk = Literal['plain', 'relaxed', 'residual', 'approximate', 'canonical']
"""Networks that see everything; only the last is bound to a symmetry.

'plain': an ordinary MLP. 'relaxed': it sees the same geometry as the equivariant one, beside
everything else. 'residual': an equivariant and a free path, with priors (RPP). 'approximate':
equivariant at the start, with a learned weight for each component. 'canonical': an ordinary MLP on
what is seen from a frame that turns with the robot."""
TrunkKind = Literal['equivariant'] | StandardTrunk
ClosedCritic = Literal['equivariant', 'residual', 'relaxed']
"""Networks of the critic behind a closed gate: bound to the symmetry, or with a way around it."""
Inputs = Literal['state', 'pair']
"""What a network takes in: the observation, or the observation and the action behind it."""
Head = Literal['action', 'change', 'values']
"""What a network puts out. 'action': a mean and a spread for each block of the action. 'change': a
vector for each block of what is predicted. Both and 'values': the shape's scalars."""


class Spaces(Protocol):
    """The spaces between which an agent's networks map."""

    group: Group
    """What the equivariant branch is equivariant to."""
    observation_size: int
    """Entries of an observation."""
    action_size: int
    """Entries of an action."""
    seen_size: int
    """The first entries of an observation, which alone the equivariant branch sees."""
    action: Blocks
    """Of the action."""
    change: Blocks
    """Of what the predictors predict: the change of what the equivariant branch sees."""
    seen: Representation
    """How the entries transform that the equivariant branch sees."""
    said: Representation
    """How actions transform."""
    scale: torch.Tensor
    """Typical size of each entry of an observation, (observation_size,)."""
    inverse_scale: torch.Tensor
    """1 / scale of the entries that the equivariant branch sees, (seen_size,)."""

    def trunk(self, kind: TrunkKind, inputs: Inputs, head: Head, shape: TrunkShape) -> Trunk:
        """Return a network; an equivariant one takes in what its branch sees, and no more.

        Args:
            kind: how it is bound to the symmetry.
            inputs: what it takes in.
            head: what it puts out; ``shape.vectors`` is not used.
            shape: scalars, members and hidden layers.
        """
        ...

    def shared(
        self, kind: StandardTrunk, inputs: Inputs, head: Head, shape: TrunkShape
    ) -> tuple[Trunk, Trunk]:
        """Return an equivariant trunk, and a standard one that goes on from its features."""
        ...

    def turned(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch whose transitions were turned by an element of the group each."""
        ...
