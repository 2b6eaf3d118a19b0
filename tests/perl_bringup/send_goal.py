"""Send one far goal to the stack of this ROS domain; says 'sent' and waits for the end of it."""

import sys

from perl_bringup.reach_client_node import ReachClient
from perl_bringup.reach_goals import ReachGoal
from perl_core.contract import Contract

x_m, y_m, z_m = Contract().workspace_centre_base_m
FAR = ReachGoal((x_m + 0.05, y_m + 0.3, z_m), (1.0, 0.0, 0.0, 0.0))

with ReachClient(lambda: False) as client:
    client.wait_until_armed(60.0)
    sys.stdout.write('sent\n')
    sys.stdout.flush()
    sys.stdout.write(f'{client.reach(FAR, lambda feedback: None)}\n')
