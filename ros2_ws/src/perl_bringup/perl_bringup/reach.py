"""``python -m perl_bringup.reach``: one goal for a stack that runs, from the command line."""

import argparse
import math
import os
import sys

import numpy as np
from perl_core.errors import PerlError
from perl_core.rotation import quaternion_from_rotation, rotation_from_vector

from perl_bringup.reach_client_node import ReachClient, ReachReport
from perl_bringup.reach_goals import ReachGoal
from perl_bringup.runner import environment_of_stack

ARMED_TIMEOUT_S = 10.0


def main() -> int:
    """Send a goal; return 0 if it was reached."""
    options = _parser().parse_args()
    os.environ.update(environment_of_stack(os.environ))
    try:
        with ReachClient(lambda: False) as client:
            client.wait_until_armed(ARMED_TIMEOUT_S)
            report = (
                client.go_home(lambda _: None)
                if options.home
                else client.reach(_goal(options.pose), lambda _: None)
            )
    except PerlError as error:
        sys.stderr.write(f'reach: {error}\n')
        return 1
    except KeyboardInterrupt:
        sys.stderr.write('reach: interrupted; the controller goes on until the goal ends\n')
        return 1
    return _tell(report)


def _goal(pose: list[float]) -> ReachGoal:
    x_m, y_m, z_m, *vector_rad = pose
    x, y, z, w = quaternion_from_rotation(rotation_from_vector(np.array(vector_rad)))
    return ReachGoal((x_m, y_m, z_m), (float(x), float(y), float(z), float(w)))


def _tell(report: ReachReport | None) -> int:
    """Print what became of the goal and return the exit code."""
    if report is None:
        return 1
    sys.stdout.write(
        f'{report.outcome}: {report.message}; {1e3 * report.position_error_m:.1f} mm, '
        f'{math.degrees(report.rotation_error_rad):.1f} deg, {report.duration_s:.2f} s\n'
    )
    return 0 if report.outcome == 'REACHED' else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m perl_bringup.reach',
        description='Send one pose of tool0 to a running stack and wait for what becomes of it.',
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        '--pose', type=float, nargs=6, metavar=('X', 'Y', 'Z', 'RX', 'RY', 'RZ'),
        help="metres and rotation vector [rad] in UR's base frame, as the teach pendant shows it",
    )
    what.add_argument(
        '--home', action='store_true',
        help='go to the home position, straight in joint space and without the policy',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
