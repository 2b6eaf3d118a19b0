"""The baseline that goes straight to the goal."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
import numpy as np
from perl_core.contract import OBSERVATION_SIZE, Contract
from perl_core.resolved_rate import resolved_rate_action

CONTRACT = Contract()
FINITE = st.floats(-3.0, 3.0, width=32)


@given(arrays.arrays(np.float32, OBSERVATION_SIZE, elements=FINITE))
def test_the_action_points_to_the_goal_and_is_never_too_fast(observation):
    action = resolved_rate_action(observation, CONTRACT).reshape(2, 3)
    assert (np.linalg.norm(action, axis=1) <= 1.0 + 1e-6).all()
    for vector, error in zip(action, (observation[3:6], observation[12:15]), strict=True):
        assert vector @ error >= 0.0
        np.testing.assert_allclose(np.cross(vector, error), 0.0, atol=1e-5)


def test_at_the_goal_it_stands():
    observation = np.ones(OBSERVATION_SIZE, np.float32)
    observation[3:6] = observation[12:15] = 0.0
    assert not resolved_rate_action(observation, CONTRACT).any()
