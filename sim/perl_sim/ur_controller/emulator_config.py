"""What one emulated controller is like: its configuration and the versions it can be."""

import dataclasses
import ipaddress
import pathlib

from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.ur_controller.arm_model import ArmConfig
from perl_sim.ur_controller.fault_schedule import Fault
from perl_sim.ur_controller.pendant import SERIAL_NUMBER

BUILD_NUMBER = 1234
"""Fourth part of a version that is given with three. Own choice."""
OLDEST_MINOR = 4
"""Of PolyScope 5. ur_rtde dies with earlier ones, which lack the registers it uses."""
MAX_PART, MAX_BUILD = 255, 2**31 - 1
"""What the version message of the primary interface can hold."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmulatorConfig:
    """What one emulated robot is like."""

    address: str = '127.0.0.2'
    """IP address of the robot; its ports are fixed."""
    version: tuple[int, int, int, int] = (5, 11, 5, BUILD_NUMBER)
    """PolyScope version, as reported."""
    initial_joints_rad: tuple[float, ...] = Contract().home_rad
    """Where the arm stands at start, six angles in UR's joint order."""
    arm: ArmConfig = dataclasses.field(default_factory=ArmConfig)
    """What the arm is like: load, geometry, friction, limits."""
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
    trace: pathlib.Path | None = None
    """File in which every tick of the arm is noted; None: nowhere."""
    allow_non_loopback: bool = False
    """Accept an address that other machines can reach."""

    def __post_init__(self) -> None:
        """Refuse an address that is none or that others could reach, and a wrong serial number."""
        if not self.serial_number.isdecimal():
            raise ConfigError(f'a serial number has digits only; got {self.serial_number!r}')
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
