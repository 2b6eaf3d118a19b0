"""RPP-Conv of arXiv 2112.01388, section 5.3: relu(conv3x3(x) + Linear(flatten x)), and its twins.

Convolution is equivariant to shifts of the image; the linear path is free of it.
"""

from collections.abc import Sequence
import itertools
import math
from typing import Literal, get_args

from perl_core.errors import ConfigError
from perl_core.layers.prior import Pathways
from perl_core.layers.residual_linear import FREE_SCALE
import torch
from torch import nn

ImageKind = Literal['plain', 'convolution', 'residual']
"""Which paths a layer has: the linear one, the convolution, both."""


class ImageLayer(nn.Module):
    """(batch, channels in, height, width) -> (batch, channels out, height, width)."""

    def __init__(
        self, kind: ImageKind, channels_in: int, channels_out: int, image: tuple[int, int]
    ) -> None:
        """Build the paths; beside a convolution, the linear one starts small.

        Args:
            kind: 'plain' | 'convolution' | 'residual'.
            channels_in: of the input.
            channels_out: of the output.
            image: height and width, in pixels.

        Raises:
            ConfigError: the kind is unknown.
        """
        super().__init__()
        if kind not in get_args(ImageKind):
            raise ConfigError(f'unknown kind {kind!r}; known kinds: {get_args(ImageKind)}')
        pixels = math.prod(image)
        self.convolution = self.linear = None
        if kind != 'plain':
            self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        if kind != 'convolution':
            self.linear = nn.Linear(channels_in * pixels, channels_out * pixels)
            with torch.no_grad():
                for parameter in self.linear.parameters():
                    parameter.mul_(FREE_SCALE if kind == 'residual' else 1.0)
        self._shape = (channels_out, *image)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return relu of the sum of the paths."""
        paths = []
        if self.convolution is not None:
            paths.append(self.convolution(images))
        if self.linear is not None:
            paths.append(self.linear(images.flatten(1)).unflatten(1, self._shape))
        return torch.relu(sum(paths[1:], paths[0]))

    def pathways(self) -> Pathways:
        """Return the parameters that each prior is on."""
        equivariant, free = (
            [] if path is None else list(path.parameters())
            for path in (self.convolution, self.linear)
        )
        return Pathways(equivariant, free)


def image_network(
    kind: ImageKind, image: tuple[int, int, int], outputs: int, channels: Sequence[int]
) -> nn.Sequential:
    """Return a classifier or regressor of images: image layers, then one linear layer.

    Args:
        kind: 'plain' | 'convolution' | 'residual'.
        image: channels, height and width.
        outputs: size of the output.
        channels: of each hidden layer.
    """
    depth, height, width = image
    layers = [
        ImageLayer(kind, first, second, (height, width))
        for first, second in itertools.pairwise((depth, *channels))
    ]
    last = (channels or [depth])[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(last * height * width, outputs))
