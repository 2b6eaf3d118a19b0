from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.contract import ACTION, OBSERVATION
from perl_core.errors import ConfigError, ContractError, SymmetryError
from perl_core.symmetry import (
    SO3,
    Augmentation,
    Representation,
    Space,
    Transition,
    described,
    group_named,
    irrep,
    lifted,
    moved_indices,
    permutation,
    pseudovector,
    regular,
    sign,
    trivial,
    vector,
)
import pytest
import torch

C4 = group_named('C4')
BOTH = group_named('C4xZ2')
OBSERVED = Space(C4, {'position': 'vector', 'cells': 'regular', 'speeds': '2 trivial'})
SEEDS = st.integers(0, 2**31)


@pytest.mark.parametrize(('group', 'words', 'expected'), [
    (C4, 'vector', vector(C4)),
    (C4, ' 2 vector+3   trivial ', 2 * vector(C4) + 3 * trivial(C4)),
    (C4, 'vector * sign', vector(C4) * sign(C4)),
    (C4, '2 irrep 2', 2 * irrep(C4, 2)),
    (C4, '2 vector * vector', 2 * (vector(C4) * vector(C4))),
    (group_named('O3'), 'pseudo irrep 2 + pseudovector',
     irrep(group_named('O3'), 2, pseudo=True) + pseudovector(group_named('O3'))),
    (BOTH, 'vector@0 * sign@1 + trivial',
     lifted(BOTH, 0, vector(C4)) * lifted(BOTH, 1, sign(group_named('Z2'))) + trivial(BOTH)),
    (C4, {'permutation': [[1, 2, 3, 0]]}, permutation(C4, [[1, 2, 3, 0]])),
    (C4, {'permutation': [[1, 0]], 'signs': [[-1, -1]]}, permutation(C4, [[1, 0]], [[-1, -1]])),
    (C4, regular(C4), regular(C4)),
])  # fmt: skip
def test_words_for_representations(group, words, expected):
    assert described(group, words) == expected


@pytest.mark.parametrize(('description', 'message'), [
    ('vectr', r"unknown representation 'vectr' in 'vectr'; known: \['pseudovector', 'regular'"),
    ('', 'unknown representation'),
    ('vector +', 'unknown representation'),
    ('vector - trivial', 'unknown representation'),
    ('irrep 7', 'C4 has no irrep 7'),
    ('vector@1', 'C4 has no factor 1'),
    ({'permutations': [[0]]}, r"keys \['permutations'\]"),
    (3, 'words or a mapping, got 3'),
    (vector(SO3()), 'expected a representation of C4, got .*SO3'),
])  # fmt: skip
def test_unknown_descriptions_are_refused(description, message):
    with pytest.raises(SymmetryError, match=message):
        described(C4, description)


def test_slices_and_matrices():
    values = torch.arange(8.0)
    assert OBSERVED.size == 8
    assert OBSERVED.select('cells', values).tolist() == [2, 3, 4, 5]
    quarter = C4.elements()[1]
    assert OBSERVED.transform(quarter, values).tolist() == [-1, 0, 5, 2, 3, 4, 6, 7]
    expected = torch.block_diag(
        vector(C4).matrix(quarter), regular(C4).matrix(quarter), torch.eye(2).double()
    )
    torch.testing.assert_close(OBSERVED.matrix(quarter), expected)
    assert 'cells: regular' in repr(OBSERVED)


def test_slices_may_be_scattered():
    space = Space('SO2', {
        'joint': {'representation': 'vector', 'at': [3, 1]},
        'height': {'representation': 'trivial', 'at': [0]},
        'rest': {'representation': 'trivial', 'at': [2], 'size': 1},
    })  # fmt: skip
    quarter = C4.elements()[1]
    assert space.transform(quarter, torch.tensor([7.0, 2.0, 8.0, 1.0])).tolist() == [7, 1, 8, -2]
    assert space.select('joint', torch.arange(4.0)).tolist() == [3, 1]


@pytest.mark.parametrize(('parts', 'message'), [
    ({'p': {'representation': 'vector', 'size': 3}},
     r"slice 'p' has size 3 and the entries \[0, 1\], but 'vector' of C4 acts on 2"),
    ({'p': {'representation': 'vector', 'at': [0, 1, 2]}}, "'vector' of C4 acts on 2"),
    ({'p': {'representation': 'vector', 'at': [0, 2]}}, r'missing: \[1\]'),
    ({'p': 'vector', 'q': {'representation': 'trivial', 'at': [1]}}, r'covered twice: \[1\]'),
    ({'p': {'representation': 'vector', 'sise': 2}}, r"unknown keys \['sise'\]"),
])  # fmt: skip
def test_slices_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(SymmetryError, match=message):
        Space(C4, parts)


def test_bad_input_is_refused():
    with pytest.raises(SymmetryError, match=r"no slice 'sky'; known: \['position', 'cells'"):
        OBSERVED.select('sky', torch.zeros(8))
    with pytest.raises(SymmetryError, match=r'must have shape \(..., 8\)'):
        OBSERVED.select('cells', torch.zeros(7))
    with pytest.raises(SymmetryError, match='expected elements of C4'):
        OBSERVED.transform(group_named('C8').elements()[1], torch.zeros(8))
    with pytest.raises(ConfigError, match="unknown group 'Q8'"):
        Space('Q8', {})


def test_contract_is_a_space():
    for group in ('SO3', 'SO2'):
        space = Space.of_contract(OBSERVATION[:5], group)
        assert list(space.parts) == [part.name for part in OBSERVATION[:5]]
        assert space.representation == Representation.of(OBSERVATION[:5], group_named(group))
    with pytest.raises(ContractError, match="'joint_sine' is 'free'"):
        Space.of_contract(OBSERVATION, 'SO3')


@settings(max_examples=10)
@given(seed=SEEDS)
@pytest.mark.parametrize('name', ['SO3', 'SO2'])
def test_augmentation_turns_rows_each_by_its_own_element(name, seed):
    observed = Space.of_contract(OBSERVATION[:5], name)
    acted = Space.of_contract(ACTION, name)
    generator = torch.Generator().manual_seed(seed)
    transition = Transition(*(torch.randn(6, n, generator=generator) for n in (15, 6, 15)))
    augmentation = Augmentation(observed, acted)
    turned = augmentation(transition, torch.Generator().manual_seed(seed))
    elements = observed.group.sample(6, torch.Generator().manual_seed(seed))
    for row, element in enumerate(elements):
        one = Transition(*(values[row] for values in turned))
        torch.testing.assert_close(one.observation, observed.transform(
            element, transition.observation[row]))  # fmt: skip
        torch.testing.assert_close(one.action, acted.transform(element, transition.action[row]))
        torch.testing.assert_close(one.next_observation, observed.transform(
            element, transition.next_observation[row]))  # fmt: skip
    assert (elements[0] - elements[1]).abs().max() > 1e-3


def test_augmentation_keeps_invariants_of_the_transition():
    observed, acted = Space('O2', {'p': '2 vector'}), Space('O2', {'push': 'vector'})
    draw = torch.Generator().manual_seed(0)
    transition = Transition(*(torch.randn(9, n, generator=draw) for n in (4, 2, 4)))
    turned = Augmentation(observed, acted)(transition, draw)

    def products(t):
        rows = torch.cat((t.observation, t.action, t.next_observation), dim=1).view(9, 5, 2)
        return rows @ rows.mT

    torch.testing.assert_close(products(transition), products(turned), atol=1e-5, rtol=0)
    assert (turned.observation - transition.observation).abs().max() > 0.1


def test_discrete_actions_move_as_a_permutation():
    # Actions east, north, west, south.
    augmentation = Augmentation(OBSERVED, Space(C4, {'move': 'regular'}))
    actions = torch.arange(8) % 4
    transition = Transition(torch.randn(8, 8), actions, torch.randn(8, 8))
    elements = C4.elements().repeat_interleave(2, dim=0)
    turned = augmentation.turned(transition, elements)
    assert turned.action.tolist() == [0, 1, 3, 0, 2, 3, 1, 2]
    assert turned.action.dtype == actions.dtype
    with pytest.raises(SymmetryError, match='expected one index from 0 to 3'):
        moved_indices(regular(C4), elements[:1], torch.tensor([4]))
    with pytest.raises(SymmetryError, match="permutations, got 'vector'"):
        moved_indices(vector(C4), C4.elements()[2:3], torch.tensor([0]))


def test_augmentation_refuses_what_does_not_fit():
    augmentation = Augmentation(OBSERVED, regular(C4))
    good = Transition(torch.zeros(2, 8), torch.zeros(2, 4), torch.zeros(2, 8))
    elements = C4.elements()[:2]
    with pytest.raises(SymmetryError, match='expected one of 1 elements for each'):
        augmentation.turned(good, elements[:1])
    with pytest.raises(SymmetryError, match='acts on 8 entries'):
        augmentation.turned(good._replace(next_observation=torch.zeros(2, 7)), elements)
    with pytest.raises(SymmetryError, match='must be finite; 8 of 8'):
        augmentation.turned(good._replace(action=good.action * torch.nan), elements)
    with pytest.raises(SymmetryError, match='must be of one group'):
        Augmentation(OBSERVED, vector(SO3()))
