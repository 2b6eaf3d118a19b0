from perl_core.contract import ACTION, OBSERVATION
from perl_core.errors import ConfigError
from perl_core.layers import (
    ApproximateTrunk,
    EquivariantTrunk,
    PathwayPrior,
    PlainTrunk,
    RelaxedTrunk,
    ResidualPathwayTrunk,
    TrunkShape,
    vector_parts,
)
from perl_core.symmetry import SO2, SO3, Representation, equivariance_error, trivial, vector
import pytest
import torch

SEEN = (*vector_parts(OBSERVATION), *ACTION)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize('group', [SO2(), SO3()])
def test_equivariant_trunk_is_equivariant(group, dtype, tolerance):
    trunk = EquivariantTrunk(SEEN, group, TrunkShape(vectors=4, scalars=3, width=32)).to(dtype)
    rho_in = Representation.of(SEEN)
    inputs = torch.randn(64, rho_in.size, dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    for rho_out, output in (
        (4 * vector(SO3()), lambda x: trunk(x).vectors.flatten(1)),
        (3 * trivial(SO3()), lambda x: trunk(x).scalars),
    ):
        error = equivariance_error(output, (rho_in, rho_out), group, inputs, generator)
        assert error.max() < tolerance


def test_so2_trunk_is_not_so3_equivariant():
    trunk = EquivariantTrunk(SEEN, SO2(), TrunkShape(vectors=1, width=32))
    rho_in, rho_out = Representation.of(SEEN), vector(SO3())
    error = equivariance_error(
        lambda x: trunk(x).vectors.flatten(1), (rho_in, rho_out), SO3(),
        torch.randn(64, rho_in.size), torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert error.median() > 0.01


def test_so3_trunk_sees_handedness():
    # A mirror image has the same dot products but the opposite triple products.
    trunk = EquivariantTrunk(SEEN, SO3(), TrunkShape(scalars=1, width=32))
    inputs = torch.randn(8, 21)
    assert (trunk(inputs).scalars - trunk(-inputs).scalars).abs().max() > 1e-3


def test_invariants_are_what_they_claim():
    geometry = EquivariantTrunk(SEEN[:3], SO3(), TrunkShape(scalars=1)).geometry
    scale = torch.tensor([0.35] * 6 + [0.5] * 3)
    a, b, c = torch.randn(3, 3).unbind(0)
    found = geometry((torch.cat((a, b, c)) * scale).unsqueeze(0))
    dots = [a @ a, a @ b, a @ c, b @ b, b @ c, c @ c]
    expected = torch.stack([*dots, torch.cross(a, b, dim=0) @ c])
    got = found.invariants[0, [0, 1, 2, 3, 4, 5, -1]]
    assert torch.allclose(got.sign() * got.abs().expm1(), expected, atol=1e-5)
    crosses = [torch.cross(*pair, dim=0) for pair in ((a, b), (a, c), (b, c))]
    assert torch.allclose(found.crosses[0], torch.cat(crosses), atol=1e-5)


@pytest.mark.parametrize('kind', [PlainTrunk, RelaxedTrunk, ResidualPathwayTrunk])
def test_free_trunks_have_the_same_shape_and_are_not_equivariant(kind):
    trunk = kind((*OBSERVATION, *ACTION), SO3(), TrunkShape(vectors=2, scalars=3, width=32))
    inputs = torch.randn(64, 45)
    output = trunk(inputs)
    assert output.vectors.shape == (64, 2, 3)
    assert output.scalars.shape == (64, 3)
    joints = torch.arange(45).unsqueeze(0) == 20
    assert (trunk(inputs + joints).vectors - output.vectors).abs().max() > 1e-3


def test_members_are_independent():
    trunk = EquivariantTrunk(SEEN, SO3(), TrunkShape(scalars=1, width=16, members=2))
    values = trunk(torch.randn(8, 21)).scalars
    assert values.shape == (8, 2)
    assert (values[:, 0] - values[:, 1]).abs().min() > 0.0
    with pytest.raises(ConfigError, match='members=2'):
        TrunkShape(vectors=1, members=2)


def test_gradient_is_finite_at_rest_on_the_goal():
    trunk = EquivariantTrunk(SEEN, SO3(), TrunkShape(vectors=2, scalars=2, width=16))
    inputs = torch.zeros(4, 21, requires_grad=True)
    output = trunk(inputs)
    (output.vectors.sum() + output.scalars.sum()).backward()
    assert inputs.grad.isfinite().all()


def test_residual_pathway_trunk_is_equivariant_but_for_its_small_free_path():
    parts = (*OBSERVATION, *ACTION)
    trunk = ResidualPathwayTrunk(parts, SO3(), TrunkShape(vectors=2, scalars=1, width=32)).double()
    inputs, joints = torch.randn(32, 45).double(), torch.zeros(32, 45).double()
    rotation = SO3().sample(1, torch.Generator().manual_seed(0))[0]
    turn = torch.block_diag(*[
        torch.block_diag(*[rotation] * (part.size // 3)) if part.kind == 'vector'
        else torch.eye(part.size).double() for part in parts
    ])  # fmt: skip
    joints[:, 15:39] = 1.0

    def broken():
        turned = trunk(inputs @ turn.T).vectors
        by_turning = (turned - trunk(inputs).vectors @ rotation.T).abs().max()
        return by_turning + (trunk(inputs + joints).vectors - trunk(inputs).vectors).abs().max()

    assert 1e-5 < broken() < 0.05 * trunk(inputs).vectors.abs().max()
    with torch.no_grad():
        for mlp in trunk.mlps:
            mlp[0].weight[:, trunk.geometry.size :] = 0.0
            mlp[-1].weight[trunk.free_rows] = 0.0
    assert broken() < 1e-10
    assert PathwayPrior(equivariant_precision=0.0).penalty(trunk) == 0.0
    assert PathwayPrior(free_precision=0.0).penalty(trunk) > 0.0


@pytest.mark.parametrize('group', [SO2(), SO3()])
def test_approximate_trunk_is_equivariant_at_the_start_and_free_to_leave_it(group):
    parts = (*OBSERVATION, *ACTION)
    trunk = ApproximateTrunk(parts, group, TrunkShape(vectors=2, scalars=1, width=32)).double()
    inputs = torch.randn(32, 45).double()
    rotation = group.sample(1, torch.Generator().manual_seed(0))[0]
    turned = inputs.clone()
    for start, stop in ((0, 15), (39, 45)):
        part = inputs[:, start:stop].unflatten(1, (-1, 3)) @ rotation.T
        turned[:, start:stop] = part.flatten(1)
    turned[:, 15:39] = torch.randn(32, 24)

    @torch.no_grad()
    def broken():
        before, after = trunk(inputs), trunk(turned)
        vectors = (after.vectors - before.vectors @ rotation.T).abs().max()
        return max(float(vectors), float((after.scalars - before.scalars).abs().max()))

    assert broken() < 1e-10
    for parameter in (trunk.of_vectors, trunk.of_free, trunk.of_basis):
        (trunk(inputs).vectors.square().sum() + trunk(inputs).scalars.sum()).backward()
        with torch.no_grad():
            parameter -= 0.1 * parameter.grad.sign()
        assert broken() > 1e-3
        with torch.no_grad():
            parameter += 0.1 * parameter.grad.sign()
