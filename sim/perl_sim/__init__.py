"""Simulation: the UR5e in MuJoCo, its emulated controller, and a grid world."""

import gymnasium

REACH_ID = 'perl/UR5eReach-v0'
GRID_WORLD_ID = 'perl/GridWorld-v0'

gymnasium.register(id=REACH_ID, entry_point='perl_sim.envs.ur5e_reach:UR5eReachEnv')
gymnasium.register(id=GRID_WORLD_ID, entry_point='perl_sim.envs.grid_world:GridWorldEnv')
