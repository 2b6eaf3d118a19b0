"""Networks for inference: every expanded layer as one matrix."""

import copy

from perl_core.layers.channel_linear import ChannelLinear
from perl_core.layers.expansion import ExpandedLinear
import torch
from torch import nn


@torch.no_grad()
def folded(network: nn.Sequential) -> nn.Sequential:
    """Return the same function with an ordinary layer in the place of each expanded one.

    A strict network of a finite group and a residual or relaxed network become what a plain
    network is. Between channels there is nothing to fold: their blocks are used as they are.

    Args:
        network: as ``network`` builds it; it is not changed, and shares nothing with the result.
    """
    modules = []
    for module in network:
        if isinstance(module, ExpandedLinear) and not isinstance(module, ChannelLinear):
            matrix, bias = module.expand()
            layer = nn.Linear(*matrix.T.shape).to(matrix)
            layer.weight.copy_(matrix)
            layer.bias.copy_(bias)
            modules.append(layer)
        else:
            modules.append(copy.deepcopy(module))
    return nn.Sequential(*modules)
