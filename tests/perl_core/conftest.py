"""A tiny kinematic stand-in for the arm, so that these tests need no simulator."""

import gymnasium
import numpy as np
from perl_core.contract import Contract
from perl_core.replay import Batch
import pytest
import torch


class PointReach(gymnasium.Env):
    """A free-flying tool that follows its twist, and six joints that do nothing."""

    observation_space = gymnasium.spaces.Box(-10.0, 10.0, (39,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (6,), np.float32)
    horizon = 20

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        self._observation = np.zeros(39, dtype=np.float32)
        self._observation[:6] = self.np_random.uniform(-0.2, 0.2, size=6)
        self._observation[12:15] = self.np_random.uniform(-1.0, 1.0, size=3)
        return self._observation.copy(), self._info()

    def step(self, action):
        self._steps += 1
        observation, change = self._observation, np.repeat((0.5, 2.0), 3) * action * 0.04
        observation[0:3] += change[:3]
        observation[3:6] -= change[:3]
        observation[12:15] -= change[3:]
        observation[6:12] = change / 0.04
        info = self._info()
        reward = -info['position_error_m'] - 0.2 * info['rotation_error_rad']
        return observation.copy(), reward, False, self._steps >= self.horizon, info

    def _info(self):
        position = float(np.linalg.norm(self._observation[3:6]))
        rotation = float(np.linalg.norm(self._observation[12:15]))
        return {
            'position_error_m': position,
            'rotation_error_rad': rotation,
            'success': position < 0.01 and rotation < 0.09,
        }


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def contract():
    return Contract()


@pytest.fixture
def make_env():
    return PointReach


@pytest.fixture
def make_batch():
    def make(count=64):
        return Batch(
            torch.randn(count, 39) * 0.3, torch.rand(count, 6) - 0.5, torch.randn(count),
            torch.randn(count, 39) * 0.3, (torch.rand(count) < 0.1).float(),
            torch.arange(count) % 4 == 0,
        )  # fmt: skip

    return make
