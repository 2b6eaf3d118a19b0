"""A plain multi-layer perceptron with orthogonal initial weights."""

import itertools

from torch import nn


class MLP(nn.Sequential):
    """Linear layers with normalisation and SiLU in between.

    The normalisation keeps a critic from growing without bound outside of its data.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, depth: int, last_layer_scale: float = 1.0
    ) -> None:
        """Build the layers with orthogonal weights and zero biases.

        Args:
            inputs: size of the input.
            outputs: size of the output.
            width: units in each hidden layer.
            depth: number of hidden layers.
            last_layer_scale: factor on the last layer's initial weights.
        """
        sizes = [inputs, *[width] * depth]
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            layers += [_linear(fan_in, fan_out, 2**0.5), nn.LayerNorm(fan_out), nn.SiLU()]
        super().__init__(*layers, _linear(sizes[-1], outputs, last_layer_scale))


def _linear(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
    layer = nn.Linear(fan_in, fan_out)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
