"""Networks of many seeds run as one, and one optimiser for all of them.

Every layer is expanded to dense weights once after each step of the optimiser, whatever its kind;
from there on a network is a few batched matrix products. All weights of a seed lie in one row, so
that Adam, clipping and target networks take one kernel each, however many layers there are. Rows
never meet: each seed learns what it would learn alone.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from perl_core.agents.dqn.streams import derived_seed
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx


class DenseStack(nn.Module):
    """Dense networks of one shape, one for each seed."""

    def __init__(self, modules: Sequence[nn.Module], sizes: Sequence[tuple[int, int]]) -> None:
        """Remember the layers.

        Args:
            modules: linear layers and what lies between them, in order; lent, not owned.
            sizes: (outputs, inputs) of each linear layer.
        """
        super().__init__()
        # In a tuple: it is no part of the state.
        self._between = tuple(None if _is_linear(module) else module for module in modules)
        self._sizes = tuple(sizes)
        self._lengths = [
            length for outputs, inputs in sizes for length in (outputs * inputs, outputs)
        ]

    @abstractmethod
    def dense(self) -> torch.Tensor:
        """Return matrix and bias of each layer in a row, shape (seeds, D)."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (seeds, n, inputs) to (seeds, n, outputs)."""
        parts = iter(self.dense().split(self._lengths, dim=1))
        sizes = iter(self._sizes)
        for between in self._between:
            if between is not None:
                inputs = between(inputs)
                continue
            matrix, bias = next(parts).unflatten(1, next(sizes)), next(parts)
            inputs = torch.baddbmm(bias[:, None], inputs, matrix.mT)
        return inputs


class StackedNetwork(DenseStack):
    """The same network once for each seed, all parameters in one tensor of shape (seeds, P)."""

    def __init__(
        self, build: Callable[[], nn.Module], seeds: Sequence[int], purpose: str
    ) -> None:
        """Build one network a seed.

        Args:
            build: returns a freshly initialised ``nn.Sequential`` of linear layers (``nn.Linear``
                or with ``expand``) and of modules without parameters between them.
            seeds: of the initialisations.
            purpose: what the network is for; other purposes start from other parameters.
        """
        modules = [_seeded(build, derived_seed(seed, purpose)) for seed in seeds]
        layers = list(modules[0].children())
        with torch.no_grad():
            sizes = [_weights(layer)[0].shape for layer in layers if _is_linear(layer)]
        super().__init__(layers, [(outputs, inputs) for outputs, inputs in sizes])
        parameters, _ = stack_module_state(modules)
        shapes = {name: value.shape[1:] for name, value in parameters.items()}
        flat = torch.cat([value.detach().flatten(1) for value in parameters.values()], dim=1)
        self.flat = nn.Parameter(flat)
        self._expand = None
        if any(hasattr(layer, 'expand') for layer in layers):
            self._expand = _traced_expansion(modules[0], shapes, flat)
        self._kept: torch.Tensor | None = None

    def dense(self) -> torch.Tensor:
        """Return the expanded weights, computed once until ``changed``, shape (seeds, D)."""
        if self._expand is None:
            return self.flat
        if self._kept is None:
            with torch.enable_grad():
                self._kept = self._expand(self.flat)
        return self._kept

    def changed(self) -> None:
        """Expand anew: the parameters are others now."""
        self._kept = None

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.changed()


class Follower(DenseStack):
    """A target network: the dense weights of another one, followed slowly."""

    def __init__(self, source: StackedNetwork) -> None:
        """Start where the source is."""
        nn.Module.__init__(self)
        self._between, self._sizes, self._lengths = (
            source._between, source._sizes, source._lengths,
        )  # fmt: skip
        self.register_buffer('values', source.dense().detach().clone())

    def dense(self) -> torch.Tensor:
        """Return the weights, shape (seeds, D)."""
        return self.values

    @torch.no_grad()
    def follow(self, source: StackedNetwork, rate: float) -> None:
        """Move towards the source: exponential moving average."""
        self.values.lerp_(source.dense(), rate)


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or hasattr(module, 'expand')


def _weights(layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    if isinstance(layer, nn.Linear):
        return layer.weight, layer.bias
    return layer.expand()


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


class _Expansion(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self) -> torch.Tensor:
        """Return the dense weights of one seed in a row, shape (D,)."""
        layers = [layer for layer in self.network.children() if _is_linear(layer)]
        return torch.cat([part.flatten() for layer in layers for part in _weights(layer)])


def _traced_expansion(
    network: nn.Module, shapes: dict[str, torch.Size], flat: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the map from parameters (seeds, P) to dense weights (seeds, D).

    Traced to its tensor operations once: they are small, and finding them anew through modules
    and ``vmap`` would take longer than they do.
    """
    expansion = _Expansion(network)
    lengths = [shape.numel() for shape in shapes.values()]

    def single(row: torch.Tensor) -> torch.Tensor:
        parts = zip(shapes.items(), row.split(lengths), strict=True)
        named = {f'network.{name}': part.view(shape) for (name, shape), part in parts}
        return functional_call(expansion, named, ())

    with torch.no_grad():
        return make_fx(vmap(single))(flat)


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
        self._networks = tuple(networks)
        self._max_norm = max_norm
        parameters = [network.flat for network in networks]
        self.adam = torch.optim.Adam(parameters, lr=learning_rate, fused=True)

    def descend(self, losses: torch.Tensor) -> torch.Tensor:
        """Take one step down the gradient of each seed's loss.

        Args:
            losses: shape (seeds,).

        Returns:
            The largest norm of each seed's gradients before clipping, shape (seeds,).
        """
        self.adam.zero_grad(set_to_none=True)
        losses.sum().backward()
        gradients = [n.flat.grad for n in self._networks if n.flat.grad is not None]
        norms = [torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients]
        for gradient, norm in zip(gradients, norms, strict=True):
            gradient.mul_((self._max_norm / norm.clamp_min(self._max_norm))[:, None])
        self.adam.step()
        for network in self._networks:
            network.changed()
        return torch.stack(norms).amax(dim=0)
