from hypothesis import given
from hypothesis import strategies as st
from perl_core.detection import (
    Comparison,
    Estimate,
    Moments,
    add_to_moments,
    bootstrap_weights,
    cantelli_ceiling,
    estimate_loss,
    estimate_of,
    excess_labels,
    no_moments,
    z_score_labels,
)
from perl_core.detectors import DetectorConfig, LossDifferenceDetector, WelfordDetector
from perl_core.errors import ConfigError
from perl_core.layers import Ensemble
import pytest
import torch

VALUES = st.lists(st.integers(0, 100_000).map(lambda n: n / 1000), min_size=1, max_size=40)


def moments_of(values):
    return add_to_moments(no_moments(), torch.as_tensor(values, dtype=torch.float64))


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_welford_agrees_with_the_whole_sample(parts):
    moments = no_moments()
    for part in parts:
        moments = add_to_moments(moments, torch.tensor(part))
    whole = torch.cat([torch.tensor(part) for part in parts]).double()
    assert float(moments.count) == len(whole)
    assert float(moments.mean) == pytest.approx(float(whole.mean()), abs=1e-9)
    assert float(moments.std) == pytest.approx(float(whole.std(correction=0)), abs=1e-6)


@given(VALUES, st.floats(0.1, 4.0))
def test_cantelli_no_data_get_more_labels_than_the_ceiling(values, kappa):
    data = torch.tensor(values, dtype=torch.float64)
    share = z_score_labels(moments_of(values), data, kappa).mean()
    assert float(share) <= cantelli_ceiling(kappa) + 1e-9


@pytest.mark.parametrize(('kappa', 'ceiling'), [(1.0, 0.5), (2.0, 0.2), (3.0, 0.1)])
def test_the_ceiling_is_the_published_one_and_is_reached(kappa, ceiling):
    assert cantelli_ceiling(kappa) == pytest.approx(ceiling)
    broken = torch.arange(1000) < round(1000 * ceiling) - 1
    values = broken.double()
    assert torch.equal(z_score_labels(moments_of(values), values, kappa), values)


@pytest.mark.parametrize('kappa', [1.0, 2.0, 3.0])
def test_z_score_cannot_find_a_break_that_is_nearly_everywhere(kappa):
    broken = torch.arange(1000) < 950
    values = broken.double() + 0.01 * torch.rand(1000).double()
    assert z_score_labels(moments_of(values), values, kappa).sum() == 0


@pytest.mark.parametrize('name', ['folded', 'distance', 'exponential'])
def test_z_score_flags_2_to_5_percent_of_symmetric_data(name):
    noise = torch.randn(100_000, 3).double()
    values = {
        'folded': noise[:, 0].abs(),
        'distance': noise.norm(dim=1),
        'exponential': torch.rand(100_000).double().log().neg(),
    }[name]
    share = float(z_score_labels(moments_of(values), values, 2.0).mean())
    assert 0.02 < share < 0.055


def test_z_score_never_forgets_the_early_disagreement():
    early, broken = torch.rand(2000) * 10, torch.arange(2000) < 200
    late = 0.05 * torch.rand(2000) + broken
    assert z_score_labels(moments_of(late), late, 2.0).bool().equal(broken)
    history = moments_of(torch.cat((early, late)))
    assert z_score_labels(history, late, 2.0).sum() == 0


def test_welford_module_is_the_functions():
    detector = WelfordDetector(kappa=2.0)
    first, second = torch.rand(33), torch.rand(20) ** 4
    for part in (first, second):
        detector.update(None, None, Comparison(part, part))
    assert float(detector.moments.count) == 53
    labels = detector.labels(None, Comparison(torch.tensor([0.0, 9.0]), None))
    assert labels.tolist() == [0.0, 1.0]
    assert set(detector.state_dict()) == {'count', 'mean', 'squares'}


def test_estimate_loss_by_hand():
    estimate = Estimate(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.5], [2.0]]))
    target = torch.tensor([2.0, 50.0])  # clipped to 3
    loss = estimate_loss(estimate, target, torch.tensor([[1.0], [1.0]]))
    expected = (0.5 * 4 + torch.tensor(0.5).log() + 0.5 * 2.25 + torch.tensor(2.0).log()) / 2
    assert float(loss) == pytest.approx(float(expected))
    alone = estimate_loss(estimate, target, torch.tensor([[1.0], [0.0]]))
    assert float(alone) == pytest.approx(float(2 + torch.tensor(0.5).log()))
    assert float(estimate_loss(estimate, target, torch.zeros(2, 1))) == 0.0


def test_labels_by_hand():
    estimate = Estimate(torch.tensor([[1.0, 3.0], [0.2, 0.2]]), torch.tensor([[1.0, 1.0]] * 2))
    # Means 2 and 0.2; spread of an observation 1; of the mean sqrt(2) and 0.
    assert excess_labels(estimate, 1.5, 0.1).tolist() == [1.0, 0.0]
    assert excess_labels(estimate, 1.5, 0.1, 'mean').tolist() == [0.0, 1.0]


def test_bootstrap_gives_every_member_its_own_constant_half():
    rows = torch.randn(4000, 7)
    weights = bootstrap_weights(rows, 4)
    assert torch.equal(weights, bootstrap_weights(rows.clone(), 4))
    assert set(weights.unique().tolist()) == {0.0, 2.0}
    assert weights.mean(0).tolist() == pytest.approx([1.0] * 4, abs=0.08)
    correlation = torch.corrcoef(weights.T) - torch.eye(4)
    assert correlation.abs().max() < 0.08


def test_many_seeds_at_once():
    values, outputs = torch.rand(5, 60), torch.randn(5, 60, 6)

    def run(values, outputs):
        moments = add_to_moments(no_moments(), values)
        estimate, weights = estimate_of(outputs), bootstrap_weights(outputs, 3)
        return (
            *moments, z_score_labels(moments, values, 1.0),
            estimate_loss(estimate, values, weights), excess_labels(estimate, 0.1, 0.05, 'mean'),
        )  # fmt: skip

    together = torch.vmap(run)(values, outputs)
    for seed in range(5):
        for batched, alone in zip(together, run(values[seed], outputs[seed]), strict=True):
            assert torch.allclose(batched[seed], alone, atol=1e-5)
    assert isinstance(Moments(*together[:3]).std, torch.Tensor)


def detector_of(width=32, **fields):
    config = DetectorConfig(width=width, learning_rate=3e-3, **fields)
    network = Ensemble.build(2, 2, _shape(config))
    return LossDifferenceDetector(network, config)


def _shape(config):
    from perl_core.layers import TrunkShape

    return TrunkShape(
        scalars=2, width=config.width, members=config.members, last_layer_scale=0.01
    )


def synthetic(threshold, noise, effect, count=256):
    """Return features, where they break the symmetry, and what two good predictors show."""
    features = torch.rand(count, 2) * 2 - 1
    broken = features[:, 0] > threshold
    excess = effect * broken + noise * torch.randn(count)
    return features, broken, Comparison(excess.abs(), excess)


def trained(detector, threshold, noise, effect=0.5, steps=600):
    for _ in range(steps):
        features, _, comparison = synthetic(threshold, noise, effect)
        detector.update(features, torch.arange(len(features)) % 4 == 0, comparison)
    return detector


def precision_and_recall(detector, threshold, noise, effect=0.5):
    features, broken, comparison = synthetic(threshold, noise, effect, 4000)
    labels = detector.labels(features, comparison).bool()
    found = float((labels & broken).sum())
    return found / max(float(labels.sum()), 1.0), found / float(broken.sum())


@pytest.mark.parametrize(('threshold', 'least'), [(0.9, 0.5), (0.0, 0.8), (-0.9, 0.8)])
def test_loss_difference_finds_a_sparse_an_even_and_a_dense_break(threshold, least):
    # 5 %, 50 % and 95 % of the transitions are broken. Where few are, seeds differ: 62 to 99 %.
    detector = trained(detector_of(), threshold, noise=0.1)
    precision, recall = precision_and_recall(detector, threshold, noise=0.1)
    assert precision > 0.9
    assert recall > least


def test_z_score_finds_the_sparse_break_and_misses_the_dense_one():
    for threshold, least, most in ((0.9, 0.9, 1.0), (-0.9, 0.0, 0.1)):
        detector = trained(WelfordDetector(kappa=2.0), threshold, noise=0.1, steps=50)
        _, recall = precision_and_recall(detector, threshold, noise=0.1)
        assert least <= recall <= most


def test_bound_of_the_mean_finds_what_noise_hides_from_that_of_an_observation():
    single = trained(detector_of(), 0.0, noise=0.6, effect=0.4, steps=400)
    assert precision_and_recall(single, 0.0, noise=0.6, effect=0.4)[1] < 0.1
    ensemble = trained(detector_of(bound='mean', members=4), 0.0, noise=0.6, effect=0.4, steps=400)
    precision, recall = precision_and_recall(ensemble, 0.0, noise=0.6, effect=0.4)
    assert precision > 0.85
    assert recall > 0.8


@pytest.mark.parametrize('fields', [{}, {'bound': 'mean', 'members': 4, 'kappa': 2.0}])
def test_loss_difference_stays_closed_on_noise(fields):
    detector = trained(detector_of(**fields), 2.0, noise=0.3, steps=300)
    features, _, comparison = synthetic(2.0, 0.3, 0.5, 2000)
    assert detector.labels(features, comparison).mean() < 0.02


def test_only_held_out_rows_teach():
    first, second = (detector_of() for _ in range(2))
    second.load_state_dict(first.state_dict())
    features, _, comparison = synthetic(0.0, 0.1, 0.5)
    held_out = torch.arange(256) % 4 == 0
    other = Comparison(None, torch.where(held_out, comparison.excess_error, 7.0))
    first.update(features, held_out, comparison)
    second.update(features, held_out, other)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    assert first.update(features, torch.zeros(256, dtype=torch.bool), comparison) == {}


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'kind': 'other'}, r"detector.kind must be one of \['loss_difference', 'welford'\]"),
        ({'bound': 'mean'}, 'detector.members must be at least 2'),
        ({'width': 0}, 'detector.width must be at least 1'),
        ({'kappa': -1.0}, 'detector.kappa must not be negative'),
    ],
)
def test_config_refuses_values_without_meaning(fields, message):
    with pytest.raises(ConfigError, match=message):
        DetectorConfig(**fields)
