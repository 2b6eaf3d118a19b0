"""Lines on the script ports that press a button of the pendant instead of running a script.

Source: Universal_Robots_Client_Library src/primary/primary_client.cpp, which needs no dashboard.
"""

from collections.abc import Callable

from perl_sim.ur_controller.controller import Controller

PENDANT_LINES: dict[str, Callable[[Controller], object]] = {
    'power on': Controller.power_on,
    'power off': Controller.power_off,
    'set robotmode run': Controller.brake_release,
    'set unlock protective stop': Controller.unlock,
    'stop program': lambda controller: controller.stop_program('a client asked for it'),
}
"""What each line does."""
