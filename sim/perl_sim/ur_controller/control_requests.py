"""What can be asked at the control socket, as a table."""

from collections.abc import Mapping
from pathlib import Path
import time
from typing import Any

from perl_core.errors import ConfigError
from perl_core.fields import Fields
from perl_sim.ur_controller.control_server import SERVICE, Answer, Reply
from perl_sim.ur_controller.fault_kinds import Robot
from perl_sim.ur_controller.fault_schedule import FaultSchedule, make_fault
from perl_sim.ur_controller.fault_table import KINDS
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.pacing import ClientClock, Clock
from perl_sim.ur_controller.recorded_motion import RecordedMotion

SOURCE = 'control socket'


def control_requests(schedule: FaultSchedule, robot: Robot) -> dict[str, Answer]:
    """Return the requests that the control socket of a controller obeys.

    Args:
        schedule: of its faults.
        robot: whose state is shown.
    """
    def begin(request: Mapping[str, Any], _: Reply) -> dict[str, Any]:
        arguments = dict(request)
        fault = make_fault(arguments.pop('fault', None), arguments, SOURCE)
        schedule.begin(fault)
        return {'began': str(fault)}

    def clear(request: Mapping[str, Any], _: Reply) -> dict[str, Any]:
        name = request.get('fault')
        if name is not None and name not in sorted(KINDS):
            raise ConfigError(f'{SOURCE}: a fault is one of {sorted(KINDS)}; got {name!r}')
        return {'cleared': schedule.clear(name)}

    def replay(request: Mapping[str, Any], _: Reply) -> dict[str, Any]:
        fields = Fields(request, SOURCE, ('file', 'rate', 'wait_s'), ConfigError)
        rate, wait_s = fields.number('rate'), fields.number('wait_s')
        robot.controller.arm.replay(
            RecordedMotion.load(Path(fields.text('file')), rate, wait_s))
        return {'begins_ns': time.monotonic_ns() + round(wait_s * 1e9)}

    return {'begin': begin, 'clear': clear, 'replay': replay,
            'status': lambda *_: {**_status(robot), 'faults': schedule.active}}


def step_request(clock: Clock) -> Answer:
    """Return the request that lets the controller tick; it is answered after the last tick."""
    def step(request: Mapping[str, Any], reply: Reply) -> None:
        ticks = Fields(request, SOURCE, ('ticks',), ConfigError).integer('ticks', 1)
        if not isinstance(clock, ClientClock):
            raise ConfigError('step needs a clock that waits for it: start with --clock client')
        clock.ask(ticks, lambda: reply({'ticks': clock.ticks}))

    return step


def _status(robot: Robot) -> dict[str, Any]:
    controller = robot.controller
    services = [connection.service for connection in robot.network.connections]
    return {
        'time_s': controller.tick * TICK_S,
        'robot_mode': controller.robot_mode.name,
        'safety_mode': controller.safety_mode.name,
        'runtime_state': controller.runtime_state.name,
        'program': controller.program_name,
        'remote': controller.remote,
        'joints_rad': controller.arm.position_rad.tolist(),
        'clients': len(services) - services.count(SERVICE),
    }
