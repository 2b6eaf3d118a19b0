"""PI-MDP theory on finite MDPs: group averages, operators, bounds and exact solutions."""

from perl_core.tabular.bounds import (
    broken_pairs,
    equivariant_error_bound,
    gated_error_bound,
    half_span,
    largest_value,
    one_step_bound,
    reward_deviation,
    transition_deviation,
)
from perl_core.tabular.gridworld import GridWorld, cells, quarter_turns, scattered_obstacles
from perl_core.tabular.group_action import GroupAction, group_average, invariance_error
from perl_core.tabular.mdp import (
    FiniteMDP,
    bellman,
    optimal_q,
    policy_value,
    value_iteration,
    value_limit,
)
from perl_core.tabular.pi_mdp import blend, gated_bellman
from perl_core.tabular.random_mdp import broken_mdp, random_cyclic_action, random_mdp
from perl_core.tabular.tied import tie, tied_error_bound, tied_q

__all__ = [
    'FiniteMDP',
    'GridWorld',
    'GroupAction',
    'bellman',
    'blend',
    'broken_mdp',
    'broken_pairs',
    'cells',
    'equivariant_error_bound',
    'gated_bellman',
    'gated_error_bound',
    'group_average',
    'half_span',
    'invariance_error',
    'largest_value',
    'one_step_bound',
    'optimal_q',
    'policy_value',
    'quarter_turns',
    'random_cyclic_action',
    'random_mdp',
    'reward_deviation',
    'scattered_obstacles',
    'tie',
    'tied_error_bound',
    'tied_q',
    'transition_deviation',
    'value_iteration',
    'value_limit',
]
