"""The command line of the emulator: its options, and what they make of it."""

import argparse
import pathlib

from perl_core.contract import Contract
from perl_core.kinematics import UR5E_NOMINAL
from perl_sim.servo import ServoTraits
from perl_sim.ur_controller.arm_model import ArmConfig
from perl_sim.ur_controller.emulator_config import EmulatorConfig, parse_version
from perl_sim.ur_controller.fault_file import load_scenario
from perl_sim.ur_controller.installation_file import Installation, load_installation
from perl_sim.ur_controller.pacing import ClientClock, Clock, FreeClock, Pacing

from calibration.loader import load_calibration

DESCRIPTION = """\
Emulate the controller of a UR5e, with a simulated arm behind it: any UR client can talk to it.

Prints "ready ADDRESS" on stdout when all ports listen; ends within a second on SIGTERM or SIGINT
and then prints its timing on stderr. SIGUSR1 causes a protective stop. On a terminal it shows a
line with its state. Several controllers run side by side, each at its own address."""
EPILOG = """\
While it runs:
  python -m perl_sim.ur_controller.fault --help    cause faults
  python -m perl_sim.ur_controller.status --help   show its state
  python -m perl_sim.ur_controller.view --help     show or record the arm"""
CLOCKS = {'real': Pacing, 'fast': FreeClock, 'client': ClientClock}
"""By the name of the option."""


def make_clock(name: str) -> Clock:
    """Return the clock of a name, its first tick now."""
    return CLOCKS[name]()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog='ur_controller', description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_robot(made.add_argument_group('the robot'))
    _add_arm(made.add_argument_group('the arm'))
    _add_beginning(made.add_argument_group('how it begins'))
    _add_process(made.add_argument_group('the process'))
    return made


def _add_robot(group: argparse._ArgumentGroup) -> None:
    default = EmulatorConfig()
    group.add_argument('--address', default=default.address,
                       help=f'IP address of the robot (default {default.address})')
    group.add_argument('--model', choices=['ur5e'], default='ur5e', help='robot (default ur5e)')
    group.add_argument('--version', default='5.11.5', metavar='X.Y.Z',
                       help='PolyScope version to report (default 5.11.5)')
    group.add_argument('--serial-number', default=default.serial_number, metavar='DIGITS',
                       help=f'to report (default {default.serial_number})')
    group.add_argument('--programs', type=pathlib.Path, metavar='FOLDER',
                       help='where the dashboard finds x.urp, with the x.script beside it')


def _add_arm(group: argparse._ArgumentGroup) -> None:
    arm = ArmConfig()
    group.add_argument('--calibration', metavar='FILE',
                       help='factory calibration: a YAML file as in calibration/robots; the arm '
                            'has its geometry, and the primary interface reports it')
    group.add_argument('--payload', type=float, default=arm.payload_kg, metavar='KG',
                       help='mass that hangs at the flange, 0 to 5 (default 0)')
    for name, count, unit, default, text in (
        ('payload-centre', 3, 'M', arm.payload_centre_m, 'centre of that mass in tool0'),
        ('base-tilt', 2, 'RAD', arm.base_tilt_rad,
         'how the base really stands: rotation vector about its x and y; the controller '
         'believes in an upright one'),
        ('coulomb-friction', 6, 'NM', arm.coulomb_friction_n_m, 'of each joint'),
        ('viscous-friction', 6, 'NMS', arm.viscous_friction_n_m_s_rad, 'of each joint'),
    ):
        shown = ' '.join(f'{number:g}' for number in default)
        group.add_argument(f'--{name}', type=float, nargs=count, metavar=unit, default=default,
                           help=f'{text} (default {shown})')
    group.add_argument('--servo-delay', type=int, default=arm.servo.delay_ticks, metavar='TICKS',
                       help='from a servoJ target to its first effect, in ticks of 2 ms '
                            f'(default {arm.servo.delay_ticks})')
    group.add_argument('--servo-lookahead-scale', type=float, metavar='FACTOR',
                       default=arm.servo.lookahead_scale,
                       help="between servoJ's lookahead_time and the arm's time constant "
                            f'(default {arm.servo.lookahead_scale:g})')
    group.add_argument('--slider-slows-servo', action='store_true',
                       help='the speed slider slows servoJ, too, as with some firmware')
    group.add_argument('--installation', metavar='FILE',
                       help='safety limits, safety planes and boxes around the arm: a YAML file')


def _arm_from(options: argparse.Namespace) -> ArmConfig:
    file = options.calibration
    around = load_installation(options.installation) if options.installation else Installation()
    return ArmConfig(
        limits=around.limits, reduced_limits=around.reduced_limits,
        planes=around.planes, boxes=around.boxes,
        dh_parameters=load_calibration(file).dh_parameters if file else UR5E_NOMINAL,
        payload_kg=options.payload,
        payload_centre_m=tuple(options.payload_centre),
        base_tilt_rad=tuple(options.base_tilt),
        coulomb_friction_n_m=tuple(options.coulomb_friction),
        viscous_friction_n_m_s_rad=tuple(options.viscous_friction),
        servo=ServoTraits(delay_ticks=options.servo_delay,
                          lookahead_scale=options.servo_lookahead_scale,
                          slider_slows=options.slider_slows_servo),
    )


def _add_beginning(group: argparse._ArgumentGroup) -> None:
    home = ' '.join(f'{angle:.4f}' for angle in Contract().home_rad)
    group.add_argument('--initial-joints', type=float, nargs=6, metavar='RAD',
                       default=EmulatorConfig().initial_joints_rad,
                       help=f'joint angles (default {home})')
    group.add_argument('--local-mode', action='store_true',
                       help='in local mode: no program can be started from outside')
    group.add_argument('--powered-off', action='store_true',
                       help='switched off: power on and brake release at the dashboard')
    group.add_argument('--protective-stop', action='store_true', help='in a protective stop')
    group.add_argument('--faults', metavar='FILE',
                       help='scenario: a YAML file of faults and their times')


def _add_process(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--clock', choices=sorted(CLOCKS), default='real',
                       help='real: 500 ticks a second; fast: as many as the processor can; '
                            'client: only those asked for at the control socket (default real)')
    group.add_argument('--allow-non-loopback', action='store_true',
                       help='accept an address that other machines can reach: the emulator '
                            'obeys everyone')
    group.add_argument('--priority', type=int, choices=range(100), default=50, metavar='0..99',
                       help='real-time priority, where permitted; 0: none (default 50)')
    group.add_argument('--trace', type=pathlib.Path, metavar='FILE',
                       help='note what the arm really does, every tick, in this file')
    group.add_argument('--no-status', action='store_true',
                       help='no line with the state on a terminal')
    group.add_argument('--log-level', choices=['DEBUG', 'INFO', 'WARNING', 'ERROR'],
                       default='WARNING', help='what to log on stderr (default WARNING)')


def config_from(options: argparse.Namespace) -> EmulatorConfig:
    """Return what the emulated robot is like.

    Raises:
        ConfigError: an option says what cannot be.
        CalibrationError: the calibration cannot be read.
    """
    return EmulatorConfig(
        address=options.address,
        version=parse_version(options.version),
        initial_joints_rad=tuple(options.initial_joints),
        serial_number=options.serial_number,
        arm=_arm_from(options),
        programs_folder=options.programs,
        local_mode=options.local_mode,
        powered_off=options.powered_off,
        protective_stop=options.protective_stop,
        scenario=load_scenario(options.faults) if options.faults else (),
        trace=options.trace,
        allow_non_loopback=options.allow_non_loopback,
    )
