"""Networks of many seeds run as one, and one optimiser for all of them."""

from collections.abc import Callable, Sequence

from perl_core.agents.dqn.streams import derived_seed
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap


class StackedNetwork(nn.Module):
    """The same network once for each seed, all parameters in one tensor of shape (seeds, P).

    One tensor, so that Adam, clipping and target networks take one kernel each, however many
    layers there are. Rows never meet: each seed learns what it would learn alone.
    """

    def __init__(
        self, build: Callable[[], nn.Module], seeds: Sequence[int], purpose: str
    ) -> None:
        """Build one network a seed.

        Args:
            build: returns a freshly initialised network; its buffers are taken to be constants.
            seeds: of the initialisations.
            purpose: what the network is for; other purposes start from other parameters.
        """
        super().__init__()
        modules = [_seeded(build, derived_seed(seed, purpose)) for seed in seeds]
        parameters, _ = stack_module_state(modules)
        self._shapes = {name: value.shape[1:] for name, value in parameters.items()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        flat = torch.cat([value.detach().flatten(1) for value in parameters.values()], dim=1)
        self.flat = nn.Parameter(flat)
        # In a tuple: it lends its code and its buffers, its parameters are never used.
        self._template = (modules[0].requires_grad_(False),)

    def named(self) -> dict[str, torch.Tensor]:
        """Return views of the parameters by name, each of shape (seeds, *shape)."""
        parts = self.flat.split(self._sizes, dim=1)
        return {
            name: part.unflatten(1, shape) if len(shape) != 1 else part
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (seeds, n, inputs) to (seeds, n, outputs)."""

        def single(parameters: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
            return functional_call(self._template[0], parameters, (rows,))

        return vmap(single)(self.named(), inputs)


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


class StackedOptimiser:
    """Adam on stacked networks, the gradient of each network of each seed clipped by itself."""

    def __init__(
        self, networks: Sequence[StackedNetwork], learning_rate: float, max_norm: float
    ) -> None:
        """Prepare the optimiser.

        Args:
            networks: learn together.
            learning_rate: of Adam.
            max_norm: of the gradient of one network of one seed.
        """
        self._parameters = [network.flat for network in networks]
        self._max_norm = max_norm
        self.adam = torch.optim.Adam(self._parameters, lr=learning_rate, fused=True)

    def descend(self, losses: torch.Tensor) -> torch.Tensor:
        """Take one step down the gradient of each seed's loss.

        Args:
            losses: shape (seeds,).

        Returns:
            The largest norm of each seed's gradients before clipping, shape (seeds,).
        """
        self.adam.zero_grad(set_to_none=True)
        losses.sum().backward()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norms = [torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients]
        for gradient, norm in zip(gradients, norms, strict=True):
            gradient.mul_((self._max_norm / norm.clamp_min(self._max_norm))[:, None])
        self.adam.step()
        return torch.stack(norms).amax(dim=0)


@torch.no_grad()
def follow(target: StackedNetwork, source: StackedNetwork, rate: float) -> None:
    """Move the target's parameters towards the source's: exponential moving average."""
    target.flat.lerp_(source.flat, rate)
