"""What can be asked at the control socket, as a table."""

from collections.abc import Mapping
from typing import Any

from perl_sim.ur_controller.control_server import Answer
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.fault_schedule import FaultSchedule, make_fault

SOURCE = 'control socket'


def control_requests(schedule: FaultSchedule, controller: Controller) -> dict[str, Answer]:
    """Return the requests that the control socket of a controller obeys.

    Args:
        schedule: of its faults.
        controller: whose state is shown.
    """
    def begin(request: Mapping[str, Any]) -> dict[str, Any]:
        arguments = dict(request)
        fault = make_fault(arguments.pop('fault', None), arguments, SOURCE)
        schedule.begin(fault)
        return {'began': str(fault)}

    def clear(request: Mapping[str, Any]) -> dict[str, Any]:
        return {'cleared': schedule.clear(request.get('fault'))}

    def status(_: Mapping[str, Any]) -> dict[str, Any]:
        return {
            'tick': controller.tick,
            'robot_mode': controller.robot_mode.name,
            'safety_mode': controller.safety_mode.name,
            'runtime_state': controller.runtime_state.name,
            'program': controller.program_name,
            'remote': controller.remote,
            'joints_rad': controller.arm.position_rad.tolist(),
            'faults': schedule.active,
        }

    return {'begin': begin, 'clear': clear, 'status': status}
