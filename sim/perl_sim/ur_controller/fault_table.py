"""Faults of the robot, as a table, and the table of all faults that can be asked for."""

import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_sim.ur_controller.fault_kinds import (
    CONNECTION_KINDS,
    REFUSAL_KINDS,
    STREAM_KINDS,
    Arguments,
    FaultKind,
    Robot,
    abandon,
    duration,
    refuse,
    reset_abandoned,
)
from perl_sim.ur_controller.fault_parameters import Parameter
from perl_sim.ur_controller.faults import Faults
from perl_sim.ur_controller.modes import RobotMode, SafetyMode
from perl_sim.ur_controller.rtde_variables import resting_values

ASKED_FOR = 'a fault was asked for'
"""Reason of the stops."""
MAX_PUSH_N = 1000.0
"""Hardest push. Own choice: far beyond what the arm can hold."""
MAX_PUSH_N_M = 100.0
"""Likewise of a torque."""
BOOT_S = 3.0
"""From a power loss to the controller's answers, unless asked otherwise. Own choice; a real one
takes about a minute."""
WRENCH = 'force'
"""What ``sensor_bias`` calls the force sensor."""
_MODES = {'power_off': RobotMode.POWER_OFF, 'idle': RobotMode.IDLE}
_BUTTONS = {'robot': SafetyMode.ROBOT_EMERGENCY_STOP, 'system': SafetyMode.SYSTEM_EMERGENCY_STOP}


def _local_mode(robot: Robot, _: Arguments) -> None:
    robot.controller.remote = False


def _remote_mode(robot: Robot, _: Arguments) -> None:
    robot.controller.remote = True


def _fail_joint(robot: Robot, arguments: Arguments) -> None:
    joint = arguments['joint']
    robot.controller.fail(f'the drive of {joint} fails: {ASKED_FOR}', JOINT_NAMES.index(joint))


def _push(faults: Faults, arguments: Arguments) -> None:
    faults.push = faults.push + np.array((*arguments['force_n'], *arguments['torque_n_m']))


def _bias(faults: Faults, arguments: Arguments) -> None:
    if arguments['of'] == WRENCH:
        faults.wrench_bias = faults.wrench_bias + np.array(arguments['by'])
    else:
        faults.add_bias(arguments['of'], arguments['by'])


def _lose_power(robot: Robot, arguments: Arguments) -> None:
    robot.controller.lose_power(ASKED_FOR)
    abandon(robot, arguments)


def _boot(robot: Robot, arguments: Arguments) -> None:
    reset_abandoned(robot, arguments)
    robot.values.update(resting_values())
    robot.controller.reboot()


MODE_KINDS = {
    'local_mode': FaultKind(
        help='the robot is switched to local mode',
        parameters=duration(),
        begins=_local_mode, ends=_remote_mode,
    ),
    'robot_mode': FaultKind(
        help='the arm is switched off, or its brakes are closed (idle); '
             'power on and brake release at the dashboard',
        parameters={'mode': Parameter('what it becomes', 'power_off', is_text=True,
                                      choices=tuple(_MODES))},
        begins=lambda robot, arguments: robot.controller.power(_MODES[arguments['mode']]),
    ),
    'reduced_mode': FaultKind(
        help='the safety limits of the reduced mode hold',
        parameters=duration(),
        begins=lambda robot, _: robot.controller.reduce(True),
        ends=lambda robot, _: robot.controller.reduce(False),
    ),
}
"""Modes in which a program does not run, or not as it should."""

STOP_KINDS = {
    'protective_stop': FaultKind(
        help='a protective stop; unlock it at the dashboard',
        parameters={},
        begins=lambda robot, _: robot.controller.protective_stop(ASKED_FOR),
    ),
    'safeguard_stop': FaultKind(
        help='the safeguard opens, and closes when it ends',
        parameters=duration(),
        begins=lambda robot, _: robot.controller.safeguard_stop(ASKED_FOR),
        ends=lambda robot, _: robot.controller.end_safeguard_stop(),
    ),
    'emergency_stop': FaultKind(
        help='an emergency stop is pressed, and released when it ends',
        parameters={'button': Parameter('which one', 'robot', is_text=True,
                                        choices=tuple(_BUTTONS)), **duration()},
        begins=lambda robot, arguments: robot.controller.emergency_stop(
            ASKED_FOR, _BUTTONS[arguments['button']]),
        ends=lambda robot, _: robot.controller.release_emergency_stop(),
    ),
    'violation': FaultKind(
        help='a safety limit is violated; restart the safety at the dashboard',
        parameters={},
        begins=lambda robot, _: robot.controller.violate(ASKED_FOR),
    ),
    'joint_drive_fault': FaultKind(
        help="a joint's drive fails; restart the safety at the dashboard",
        parameters={'joint': Parameter('which one', None, is_text=True, choices=JOINT_NAMES)},
        begins=_fail_joint,
    ),
    'power_loss': FaultKind(
        help='the supply fails: the arm brakes, connections go dead; when it ends the '
             'controller has booted anew, the arm switched off',
        parameters=duration(BOOT_S),
        holds=refuse, begins=_lose_power, ends=_boot,
    ),
}
"""What stops the arm."""

SENSE_KINDS = {
    'contact': FaultKind(
        help='something pushes the flange',
        parameters={
            'force_n': Parameter('x y z in base, in N', None, -MAX_PUSH_N, MAX_PUSH_N, 3),
            'torque_n_m': Parameter('x y z in base, in Nm', (0.0, 0.0, 0.0),
                                    -MAX_PUSH_N_M, MAX_PUSH_N_M, 3),
            **duration(),
        },
        holds=_push,
    ),
    'sensor_bias': FaultKind(
        help='a sensor reads wrong: joint angles, joint velocities or the force sensor',
        parameters={
            'of': Parameter('which one', None, is_text=True,
                            choices=('actual_q', 'actual_qd', WRENCH)),
            'by': Parameter('six numbers in rad, rad/s, or N and Nm', None, size=6),
            **duration(),
        },
        holds=_bias,
    ),
}
"""What the arm feels."""

KINDS = {
    **STREAM_KINDS, **CONNECTION_KINDS, **REFUSAL_KINDS, **MODE_KINDS, **STOP_KINDS,
    **SENSE_KINDS,
}
"""Every kind, by the name under which it is asked for."""
