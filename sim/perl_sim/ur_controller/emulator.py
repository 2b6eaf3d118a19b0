"""Puts the parts together and runs them tick by tick, in one thread."""

from collections.abc import Callable
import dataclasses
from functools import partial
import gc
import ipaddress
import logging
import pathlib

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError, RobotError
from perl_sim.ur_controller import (
    control_server,
    dashboard_server,
    rtde_server,
)
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.arm_model import ArmConfig
from perl_sim.ur_controller.client_interfaces import INTERFACES, ClientInterfaces
from perl_sim.ur_controller.control_requests import control_requests, step_request
from perl_sim.ur_controller.control_server import ControlSession
from perl_sim.ur_controller.controller import Controller, RobotMode, RuntimeState
from perl_sim.ur_controller.dashboard_server import Dashboard, DashboardSession
from perl_sim.ur_controller.fault_kinds import Robot
from perl_sim.ur_controller.fault_schedule import Fault, FaultSchedule
from perl_sim.ur_controller.faults import Faults
from perl_sim.ur_controller.inputs import apply_inputs
from perl_sim.ur_controller.measurements import Measurements
from perl_sim.ur_controller.network import Network
from perl_sim.ur_controller.pacing import Clock
from perl_sim.ur_controller.pendant import SERIAL_NUMBER, Pendant
from perl_sim.ur_controller.programs import Programs
from perl_sim.ur_controller.rtde_server import RtdeServer
from perl_sim.ur_controller.rtde_variables import resting_values
from perl_sim.ur_controller.script_server import Program, whole_program

BUILD_NUMBER = 1234
"""Fourth part of a version that is given with three. Own choice."""
OLDEST_MINOR = 4
"""Of PolyScope 5. ur_rtde dies with earlier ones, which lack the registers it uses."""
MAX_PART, MAX_BUILD = 255, 2**31 - 1
"""What the version message of the primary interface can hold."""

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmulatorConfig:
    """What one emulated robot is like."""

    address: str = '127.0.0.2'
    """IP address of the robot; its ports are fixed."""
    version: tuple[int, int, int, int] = (5, 11, 5, BUILD_NUMBER)
    """PolyScope version, as reported."""
    initial_joints_rad: tuple[float, ...] = Contract().home_rad
    """Where the arm stands at start, six angles in UR's joint order."""
    payload_kg: float = 0.0
    """Mass that hangs at the flange."""
    local_mode: bool = False
    """Begin in local mode: no program can be started from outside."""
    powered_off: bool = False
    """Begin switched off."""
    protective_stop: bool = False
    """Begin in a protective stop."""
    scenario: tuple[Fault, ...] = ()
    """Faults that come at their times."""
    serial_number: str = SERIAL_NUMBER
    """As reported; digits only."""
    programs_folder: pathlib.Path | None = None
    """Where the dashboard's ``load`` looks for x.urp, with the x.script that PolyScope saves
    beside it; None: there are no programs."""
    allow_non_loopback: bool = False
    """Accept an address that other machines can reach."""

    def __post_init__(self) -> None:
        """Refuse an address that is none, or that others could reach unasked."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            raise ConfigError(
                f'the address of a robot is an IP address like 127.0.0.2; got {self.address!r}'
            ) from None
        if not (address.is_loopback or self.allow_non_loopback):
            raise ConfigError(
                f'{self.address} can be reached from other machines and the emulator obeys '
                'everyone; use 127.x.x.x, or say --allow-non-loopback'
            )


def parse_version(text: str) -> tuple[int, int, int, int]:
    """Return the parts of a version like 5.11.5 or 5.11.5.1234.

    Raises:
        ConfigError: it is not like that.
    """
    parts = text.split('.')
    if len(parts) not in (3, 4) or not all(part.isdecimal() for part in parts):
        raise ConfigError(f'a PolyScope version is like 5.11.5 or 5.11.5.1234; got {text!r}')
    major, minor, bugfix, build = map(int, [*parts, str(BUILD_NUMBER)][:4])
    if not ((major == 5 and minor >= OLDEST_MINOR) or major == 10):
        raise ConfigError(
            f'PolyScope 5.{OLDEST_MINOR} and later 5.x, or 10.x, can be emulated; got {text!r}')
    if max(minor, bugfix) > MAX_PART or build > MAX_BUILD:
        raise ConfigError(f'no part of a PolyScope version is as large as in {text!r}')
    return major, minor, bugfix, build


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
            Arm(np.array(config.initial_joints_rad), ArmConfig(payload_kg=config.payload_kg)),
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

    def _run_program(self, program: Program) -> None:
        if self.faults.loses_programs:
            _LOG.warning('a fault is on: the program %s does not start', program.name)
        else:
            self._programs.run(program)

    def _play(self, name: str, script: str) -> bool:
        self._run_program(whole_program(script.encode('latin-1', 'replace'))._replace(name=name))
        return self.controller.runtime_state == RuntimeState.PLAYING

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
