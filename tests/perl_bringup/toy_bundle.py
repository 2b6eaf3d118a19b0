"""Write a real bundle of a policy made by hand: ``python toy_bundle.py FOLDER``."""

import sys

import numpy as np
from perl_core.bundle.export import Description, export_bundle
from perl_core.bundle.manifest import TrainedCalibration, Training
from perl_core.contract import OBSERVATION, OBSERVATION_SIZE, Contract, slice_bounds
import torch
from torch import nn

from calibration.loader import nominal_calibration

AT = slice_bounds(OBSERVATION)


def squash(vector):
    return vector / torch.sqrt(1.0 + (vector * vector).sum(-1, keepdim=True))


class Proportional(nn.Module):
    """Speed in proportion to the error; the same for both branches, as both see the vectors."""

    def __init__(self, linear_per_s, angular_per_s):
        super().__init__()
        contract = Contract()
        self.linear = linear_per_s / contract.max_tool_speed_m_s
        self.angular = angular_per_s / contract.max_tool_angular_speed_rad_s

    def forward(self, observation):
        position = self.linear * observation[:, AT['position_error_base_m']]
        rotation = self.angular * observation[:, AT['rotation_error_base_rad']]
        return torch.cat((squash(position), squash(rotation)), -1)


class NeverBroken(nn.Module):
    def forward(self, observation):
        return torch.sigmoid(0.0 * observation[:, 0] - 5.0)


def make_toy_bundle(folder, linear_per_s=4.0, angular_per_s=4.0):
    torch.set_num_threads(1)
    actor = Proportional(linear_per_s, angular_per_s)
    nominal = nominal_calibration()
    description = Description(
        contract=Contract(),
        training=Training(
            agent='toy', agent_config={}, environment='toy/Reach-v0', environment_config={},
            seed=0, steps=0, git_hash='0' * 40, command='none',
        ),
        calibration=TrainedCalibration(
            content_sha256=nominal.content_sha256(), dh_parameters=nominal.dh_parameters
        ),
        evaluation={},
    )
    observations = np.random.default_rng(1).normal(0.0, 0.3, (4, OBSERVATION_SIZE))
    modules = {'actor_equivariant': actor, 'actor_standard': actor, 'gate': NeverBroken()}
    export_bundle(modules, folder, description, observations)
    return folder


if __name__ == '__main__':
    make_toy_bundle(sys.argv[1])
