from hypothesis import strategies as st
from perl_core.symmetry import irreps, regular, spatial_vector, vector
import pytest
import torch


@pytest.fixture(autouse=True, scope='session')
def one_thread():
    torch.set_num_threads(1)


@st.composite
def _sums(draw, group):
    """Draw a sum of irreps, regular representations and, where it may be, rank-2 tensors."""
    pool = list(irreps(group, 2))
    if group.order:
        pool.append(regular(group))
    if not group.factors:
        pool += [vector(group) * vector(group), spatial_vector(group)]
    terms = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@pytest.fixture(scope='session')
def sums():
    """Return a function from a group to a strategy for its representations."""
    return _sums
