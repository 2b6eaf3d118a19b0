"""What a step can change, where that is one of a few displacements: exact likelihoods."""

from perl_core.errors import SymmetryError
from perl_core.symmetry import Representation
import torch

_TOLERANCE = 1e-5


class Outcomes:
    """The displacements that a step can make in some entries of the observation.

    With them the one-step predictors are classifiers, D is the total variation of their
    distributions, as in eps_P of arXiv 2512.00915, and the held-out loss difference is a
    log-likelihood ratio. (The paper leaves D open.)
    """

    def __init__(
        self,
        displacements: torch.Tensor,
        rho_outcome: Representation,
        rho_observation: Representation,
        entries: slice = slice(None),
    ) -> None:
        """Check that the group permutes the displacements as told.

        Args:
            displacements: shape (outcomes, entries); a step counts as the nearest of them.
            rho_outcome: how the outcomes are permuted, for example trivial + regular for
                (stay, right, up, left, down) under quarter turns.
            rho_observation: how the whole observation transforms.
            entries: of the observation, a part that the group maps to itself.

        Raises:
            SymmetryError: shapes do not fit, or an element takes a displacement elsewhere.
        """
        size = len(range(*entries.indices(rho_observation.size)))
        if displacements.shape != (rho_outcome.size, size):
            raise SymmetryError(
                f'displacements must have shape ({rho_outcome.size}, {size}): the size of '
                f'{rho_outcome.name} and of the entries; got {tuple(displacements.shape)}'
            )
        rho_outcome.require_group(rho_observation)
        moved = rho_observation.matrices(rho_observation.group.generators)[:, entries, entries]
        columns = displacements.double().T
        error = moved @ columns - columns @ rho_outcome.matrices(rho_outcome.group.generators)
        if error.numel() and error.abs().max() > _TOLERANCE:
            raise SymmetryError(
                f'{rho_outcome.name} does not permute the displacements as the group turns them; '
                'list them in the order of the representation'
            )
        self.displacements, self.entries = displacements.float(), entries
        self.representation = rho_outcome

    def of(self, observation: torch.Tensor, next_observation: torch.Tensor) -> torch.Tensor:
        """Return which outcome each step had, int64, shape (...), from (..., size)."""
        step = (next_observation - observation)[..., self.entries]
        return torch.cdist(step, self.displacements).argmin(dim=-1)
