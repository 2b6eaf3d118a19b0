"""Partially equivariant reinforcement learning: no ROS and no simulator in here."""
