"""Real-time control loop, robot backends and their lifecycle node."""
