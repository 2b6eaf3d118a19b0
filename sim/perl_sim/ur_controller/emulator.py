"""Puts the parts together and runs them tick by tick, in one thread."""

from collections.abc import Callable
from functools import partial
import gc
import logging

import numpy as np
from perl_core.errors import RobotError
from perl_sim.ur_controller import (
    control_server,
    dashboard_server,
    rtde_server,
)
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.client_interfaces import INTERFACES, ClientInterfaces
from perl_sim.ur_controller.control_requests import control_requests, step_request
from perl_sim.ur_controller.control_server import ControlSession
from perl_sim.ur_controller.controller import Controller, RobotMode
from perl_sim.ur_controller.dashboard_server import Dashboard, DashboardSession
from perl_sim.ur_controller.emulator_config import EmulatorConfig
from perl_sim.ur_controller.fault_kinds import Robot
from perl_sim.ur_controller.fault_schedule import FaultSchedule
from perl_sim.ur_controller.faults import Faults
from perl_sim.ur_controller.inputs import apply_inputs
from perl_sim.ur_controller.measurements import Measurements
from perl_sim.ur_controller.network import Network
from perl_sim.ur_controller.pacing import Clock
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.pendant_lines import PENDANT_LINES
from perl_sim.ur_controller.programs import Programs
from perl_sim.ur_controller.rtde_server import RtdeServer
from perl_sim.ur_controller.rtde_variables import resting_values
from perl_sim.ur_controller.script_server import Program, whole_program
from perl_sim.ur_controller.trace import TraceWriter

_LOG = logging.getLogger(__name__)


class Emulator:
    """One emulated robot."""

    def __init__(self, config: EmulatorConfig) -> None:
        """Build the robot and listen on all its ports.

        Args:
            config: what it is like.

        Raises:
            ConfigError: the arm cannot be like that.
            RobotError: a port is taken.
        """
        self._values = resting_values()
        self._requested_stop = ''
        self.controller = Controller(
            Arm(np.array(config.initial_joints_rad), config.arm),
            local_mode=config.local_mode,
        )
        self.faults = Faults()
        self._rtde = RtdeServer(self._values, config.version, self.faults)
        if config.powered_off:
            self.controller.power(RobotMode.POWER_OFF)
        if config.protective_stop:
            self.controller.protective_stop('asked for at start')
        self._measurements = Measurements(self._values, self.controller)
        self._pendant = Pendant(
            serial_number=config.serial_number, programs_folder=config.programs_folder)
        self._interfaces = ClientInterfaces(
            self._values, config.version, self.controller.arm.config.dh_parameters,
            self._run_program,
        )
        self._programs = Programs(
            self.controller, self._values, self._pendant, self._interfaces.say,
            config.version[:2],
        )
        self._trace = None if config.trace is None else TraceWriter(config.trace)
        self._network = self._listen(config)
        robot = Robot(faults=self.faults, network=self._network, controller=self.controller,
                      values=self._values)
        self._schedule = FaultSchedule(robot, config.scenario)
        self._requests = control_requests(self._schedule, robot)
        self._open_control_socket(config.address)

    def run(self, clock: Clock, is_over: Callable[[], bool]) -> None:
        """Tick until it is over or a client shuts the controller down; close all connections.

        Args:
            clock: decides when to tick.
            is_over: asked once a tick.
        """
        # What exists now stays: freezing it keeps a full garbage collection under 1 ms.
        gc.collect()
        gc.freeze()
        self._requests['step'] = step_request(clock)
        try:
            while not (is_over() or self._pendant.shut_down):
                if clock.wait():
                    self._tick()
                else:
                    self._network.poll()
                    self._network.close_finished()
        finally:
            self._network.close()

    def request_protective_stop(self, reason: str) -> None:
        """Cause a protective stop at the next tick; may be called from a signal handler."""
        self._requested_stop = reason

    def _tick(self) -> None:
        self._network.poll()
        self._schedule.step()
        self.controller.tick += 1
        self.controller.step()
        if self._requested_stop:
            self.controller.protective_stop(self._requested_stop)
            self._requested_stop = ''
        apply_inputs(self._values, self._rtde.written)
        self._programs.step(self._rtde.written)
        violation = self.controller.arm.step(self._values['target_speed_fraction'][0])
        if violation:
            self.controller.protective_stop(violation)
        if self._trace is not None:
            self._trace.write(self.controller)
        self._publish(self.controller.tick)
        self._network.tick()

    def _publish(self, tick: int) -> None:
        self._measurements.update(self._rtde.wanted, self._interfaces.wanted(tick))
        reported = self._values
        if self.faults.falsifies:
            # A copy: scripts see the truth, and a bias is not added to itself.
            reported = dict(reported)
            self.faults.falsify(reported)
        self._rtde.publish(tick, reported)
        self._interfaces.publish(tick, reported)

    def _run_program(self, program: Program) -> bool:
        if self.faults.loses_programs:
            _LOG.warning('a fault is on: the program %s does not start', program.name)
            return False
        press = PENDANT_LINES.get(program.text.strip())
        if press is not None:
            if self.controller.remote:
                press(self.controller)
            return False
        began = self._programs.run(program)
        if began and not program.is_secondary:
            self._interfaces.program_started(program.name)
        return began

    def _play(self, name: str, script: str) -> bool:
        return self._run_program(
            whole_program(script.encode('latin-1', 'replace'))._replace(name=name))

    def _open_control_socket(self, address: str) -> None:
        try:
            listener = control_server.open_listener(address)
        except OSError as error:
            self._network.close()
            raise RobotError(
                f'cannot listen at the control socket of {address}: {error.strerror}; is '
                'another controller running at this address? Stop it, or choose another --address'
            ) from error
        self._network.serve(listener, control_server.SERVICE,
                            lambda connection: ControlSession(connection, self._requests))

    def _listen(self, config: EmulatorConfig) -> Network:
        network = Network(config.address)
        dashboard = Dashboard(self.controller, config.version, self._pendant, self._play)
        dashboard_service = (
            dashboard_server.PORT, 'dashboard',
            lambda connection: DashboardSession(connection, dashboard),
        )
        services = (
            (rtde_server.PORT, 'RTDE', self._rtde.accept),
            *([dashboard_service] if config.version < dashboard_server.FIRST_WITHOUT else []),
            *((interface.port, interface.name, partial(self._interfaces.accept, interface))
              for interface in INTERFACES),
        )
        for port, service, accept in services:
            try:
                network.listen(port, service, accept)
            except OSError as error:
                network.close()
                raise RobotError(
                    f'cannot listen on {config.address} port {port} ({service}): '
                    f'{error.strerror}; is another controller running at this address? '
                    'Stop it, or choose another --address'
                ) from error
        return network
