"""An emulated UR controller: RTDE, dashboard and script port with a simulated UR5e behind them.

It runs as a process of its own (``python -m perl_sim.ur_controller``), never inside its client:
ur_rtde's constructors hold the GIL while they wait for the controller.
"""
