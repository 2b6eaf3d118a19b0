"""The equivariant trunk with a residual pathway (arXiv 2112.01388): for RPP-SAC.

Between invariants every map is equivariant. So the free path is what the relaxed trunk adds to
the equivariant one: columns that see all inputs, not invariants alone, and vectors put out as they
are, not as sums of the inputs' vectors. Here both start small and have a prior of their own.
"""

from collections.abc import Sequence

from perl_core.contract import Slice
from perl_core.layers.prior import Pathways
from perl_core.layers.relaxed_trunk import RelaxedTrunk
from perl_core.layers.residual_linear import FREE_SCALE
from perl_core.layers.trunk import TrunkShape
from perl_core.symmetry import Group
import torch


class ResidualPathwayTrunk(RelaxedTrunk):
    """Invariants (path A) and all scaled inputs (path B) -> MLP -> basis (A), free vectors (B)."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the network, its free path small.

        Args:
            inputs: parts of any kind, in the order in which they come.
            group: what path A is equivariant to.
            shape: outputs and hidden layers.
        """
        super().__init__(inputs, group, shape)
        free = torch.zeros(shape.vectors, self.basis_size, dtype=torch.bool)
        free[:, -3:] = True
        scalars = torch.zeros(shape.scalars, dtype=torch.bool)
        self.register_buffer(
            'free_rows', torch.cat((scalars, free.flatten())), persistent=False
        )
        with torch.no_grad():
            for mlp in self.mlps:
                mlp[0].weight[:, self.geometry.size :].mul_(FREE_SCALE)
                mlp[-1].weight[self.free_rows] *= FREE_SCALE

    def pathways(self) -> Pathways:
        """Return the weights that each prior is on."""
        size = self.geometry.size
        equivariant, free = [], []
        for mlp in self.mlps:
            first, last = mlp[0].weight, mlp[-1].weight
            inner = [layer.weight for layer in mlp[1:-1]]
            equivariant += [first[:, :size], *inner, last[~self.free_rows]]
            free += [first[:, size:], last[self.free_rows]]
        return Pathways(equivariant, free)
