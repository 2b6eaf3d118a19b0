"""Simulation of the UR5e: MuJoCo model, reach environment, and an emulated controller."""

import gymnasium

REACH_ID = 'perl/UR5eReach-v0'

gymnasium.register(id=REACH_ID, entry_point='perl_sim.envs.ur5e_reach:UR5eReachEnv')
