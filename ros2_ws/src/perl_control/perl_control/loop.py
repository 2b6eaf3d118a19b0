"""The control loop's process: ``python -m perl_control.loop CONFIG.json`` ('-': from stdin).

It says on stdout, one JSON object a line, how far it is: connecting, ready, or error with one
sentence. Everything else goes through shared memory.
"""

import json
import os
from pathlib import Path
import signal
import sys
import threading
import time
from types import FrameType
from typing import NamedTuple

import numpy as np
from perl_core.bundle.runtime import Policy
from perl_core.contract import Contract
from perl_core.errors import PerlError
from perl_safety.filter import SafetyFilter
from perl_safety.heartbeat import HeartbeatReader, HeartbeatWriter, heartbeat_path
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits

from calibration.loader import load_calibration, nominal_calibration
from perl_control.black_box_config import BlackBoxProcess, describe
from perl_control.control_loop import ControlLoop, Parts
from perl_control.lock import AddressLock
from perl_control.loop_config import LoopConfig
from perl_control.mailbox import Mailbox
from perl_control.pacing import Pacer
from perl_control.policy_runner import PolicyRunner
from perl_control.real_time import RealTime, become_real_time, die_with_parent, stay_on
from perl_control.robots.base import RobotLink
from perl_control.robots.loopback import LoopbackRobot
from perl_control.robots.shadow import ShadowRobot
from perl_control.shared_memory import mailbox_path, telemetry_path
from perl_control.telemetry import TelemetryRing
from perl_control.telemetry_writer import TelemetryWriter
from perl_control.tool_check import require_trained_tool
from perl_control.watch import Watch

CLOSE_DEADLINE_S = 0.4
"""A controller that does not answer must not keep this process: its watchdog stops the arm."""


def report(event: str, **details: str) -> None:
    """Say on stdout how far the process is."""
    try:
        sys.stdout.write(json.dumps({'event': event, **details}) + '\n')
        sys.stdout.flush()
    except BrokenPipeError:
        return  # The node has ended; the parent-death signal is on its way.


def read_config(arguments: list[str]) -> LoopConfig:
    """Return the configuration named on the command line."""
    source = arguments[0] if arguments else '-'
    return LoopConfig.from_json(
        sys.stdin.read() if source == '-' else Path(source).read_text(encoding='utf-8')
    )


def make_link(config: LoopConfig, contract: Contract) -> RobotLink:
    """Return the robot backend that the configuration names."""
    if config.backend == 'loopback':
        robot = LoopbackRobot(np.array(contract.home_rad))
        return ShadowRobot(robot) if config.shadow else robot
    # ur_rtde is loaded only where a controller is meant, its commanding half only to command.
    if config.shadow:
        from perl_control.robots.ur_receiver import UrReceiver  # noqa: PLC0415

        return ShadowRobot(UrReceiver(config.robot_ip, float(contract.control_rate_hz)))
    from perl_control.robots.ur import UrRobot  # noqa: PLC0415

    return UrRobot(config.robot_ip, contract)


class Prepared(NamedTuple):
    """Everything that the process needs to run."""

    parts: Parts
    """Of the loop, connected."""
    bundle_sha256: str
    """Of the policy's manifest."""
    black_box: BlackBoxProcess | None
    """None: none is wanted."""


def prepare(config: LoopConfig) -> Prepared:
    """Read and validate everything, connect.

    Raises:
        PerlError: one sentence on what was expected and what came.
    """
    contract = Contract()
    limits_file = Path(config.limits_file or DEFAULT_LIMITS_FILE)
    limits = load_limits(limits_file)
    calibrated = config.kinematics_params_file
    calibration = load_calibration(calibrated) if calibrated else nominal_calibration()
    policy = Policy.load(Path(config.bundle), contract, config.bundle_keys)
    mailbox = Mailbox.create(mailbox_path(config.robot_ip))
    ring = TelemetryRing.create(telemetry_path(config.robot_ip))
    monitor = HeartbeatReader(heartbeat_path(config.robot_ip)) if config.require_monitor else None
    link = make_link(config, contract)
    black_box = BlackBoxProcess(
        describe(config, contract, policy.sha256, limits_file, calibration)
    ) if config.black_box_folder else None
    # Before connecting: ur_rtde's threads inherit it, and the watchdog does not wait for it.
    refused = become_real_time(RealTime(config.priority))
    report('connecting')
    link.connect()
    # Now that ur_rtde's threads run elsewhere: its calls wait for them without giving way.
    refused += stay_on(config.cpu if config.cpu >= 0 else None)
    for sentence in refused:
        sys.stderr.write(f'control loop: {sentence}\n')
    warning = require_trained_tool(link.tool(), policy.manifest)
    if warning:
        sys.stderr.write(f'control loop: {warning}\n')
    kinematics = calibration.kinematics
    parts = Parts(
        link=link,
        safety=SafetyFilter(limits, kinematics, contract.control_period_s),
        runner=PolicyRunner(policy, kinematics, contract),
        watch=Watch(monitor, limits.heartbeat_timeout_s),
        mailbox=mailbox,
        telemetry=TelemetryWriter(ring),
        pacer=Pacer(contract.control_period_s),
        heartbeat=HeartbeatWriter(heartbeat_path(config.robot_ip, 'loop')),
    )
    return Prepared(parts, policy.sha256, black_box)


def run(config: LoopConfig) -> None:
    """Run the loop until it is asked to end."""
    parts, bundle_sha256, black_box = prepare(config)
    loop = ControlLoop(parts, time.monotonic_ns(), shadow=config.shadow)

    def end(_number: int, _frame: FrameType | None) -> None:
        loop.end()

    # Until here the default applies: ur_rtde's constructors would keep a handler waiting.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    parts.link.guard()
    report('ready', bundle_sha256=bundle_sha256)
    loop.run()
    if parts.heartbeat is not None:
        parts.heartbeat.close()
    if black_box is not None:
        black_box.end()
    threading.Timer(CLOSE_DEADLINE_S, os._exit, (0,)).start()
    # The lock is still held, so these are ours; the node keeps what it has mapped.
    for path in (mailbox_path(config.robot_ip), telemetry_path(config.robot_ip)):
        path.unlink(missing_ok=True)
    parts.link.close()


def main() -> None:
    """Entry point of the process."""
    try:
        config = read_config(sys.argv[1:])
        die_with_parent(config.parent_pid)
        lock = AddressLock(config.robot_ip)
        run(config)
        lock.release()
    except PerlError as error:
        report('error', message=str(error))
        sys.stderr.write(f'control loop: {error}\n')
        sys.stderr.flush()
        os._exit(1)
    # The destructors of ur_rtde sleep for a second; there is nothing left to clean up.
    os._exit(0)


if __name__ == '__main__':
    main()
