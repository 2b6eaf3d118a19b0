"""Safety filter of the control loop, and the independent monitor."""
