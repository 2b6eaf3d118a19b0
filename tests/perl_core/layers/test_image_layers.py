from perl_core.errors import ConfigError
from perl_core.layers import ImageLayer, PathwayPrior, image_network
import pytest
import torch
from torch import nn

IMAGES = torch.randn(5, 2, 6, 7)


@torch.no_grad()
def shift_error(layer):
    """Return how much the inside of the output changes when the image is shifted by a pixel."""
    shifted = layer(IMAGES.roll(1, dims=3))[..., 2:-1]
    return float((shifted - layer(IMAGES).roll(1, dims=3)[..., 2:-1]).abs().max())


def test_convolution_is_shift_equivariant_and_the_residual_path_is_a_little_less():
    errors = {
        kind: shift_error(ImageLayer(kind, 2, 3, (6, 7)))
        for kind in ('plain', 'convolution', 'residual')
    }
    assert errors['convolution'] < 1e-5 < errors['residual'] < 0.1 * errors['plain']


def test_residual_is_relu_of_the_sum_of_both_paths():
    layer = ImageLayer('residual', 2, 3, (6, 7))
    nn.init.normal_(layer.linear.weight)
    linear = (IMAGES.flatten(1) @ layer.linear.weight.T + layer.linear.bias).view(5, 3, 6, 7)
    assert torch.allclose(layer(IMAGES), (layer.convolution(IMAGES) + linear).relu(), atol=1e-5)


def test_twins_have_one_path_each():
    assert ImageLayer('plain', 2, 3, (6, 7)).convolution is None
    assert ImageLayer('convolution', 2, 3, (6, 7)).linear is None


@pytest.mark.parametrize('kind', ['plain', 'convolution', 'residual'])
def test_networks_of_every_kind_learn(kind):
    module = image_network(kind, (2, 6, 7), outputs=1, channels=(3, 4))
    targets = IMAGES.mean((1, 2, 3)).unsqueeze(1) * 3.0
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = (module(IMAGES) - targets).square().mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.2 * losses[0]
    if kind == 'residual':
        assert PathwayPrior().penalty(module) > 0.0


def test_unknown_kind_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"'conv'.*'plain', 'convolution', 'residual'"):
        image_network('conv', (1, 4, 4), outputs=1, channels=(2,))
