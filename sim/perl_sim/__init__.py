"""Simulation of the UR5e: MuJoCo model, reach environment, and an emulated controller."""
