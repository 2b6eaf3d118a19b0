"""See the arm: a window, a picture, a film. ``python -m perl_sim.ur_controller.view --help``.

A process of its own that reads joint angles over RTDE like any client, so it never holds up the
controller; a real UR5e can be viewed as well.
"""

import argparse
from collections.abc import Iterator
import os
from pathlib import Path
import signal
import sys

import numpy as np
from perl_core.errors import ConfigError, PerlError
from perl_sim.ur_controller import headless  # noqa: F401  # Before mujoco: see there.
from perl_sim.ur_controller.rendering import (
    COLOURS,
    STILL_TYPES,
    Painter,
    require_file_type,
    write_film,
)
from perl_sim.ur_controller.rtde_client import RtdeClient
from perl_sim.ur_controller.window import show

RATE_HZ = 15.0
"""Pictures a second. Own choice."""
MAX_SECONDS = 60.0
"""Of a film: its frames wait in memory."""
NICENESS = 10
"""The controller comes first."""
DESCRIPTION = """\
Show or record the arm of the controller at an address: the emulated one, or a real one.

  view --window                        a window (needs a screen)
  view arm.png                         a picture
  view arm.webp --seconds 5            a film; .gif works, too

Without a screen it renders through EGL; MUJOCO_GL=osmesa or glfw chooses another way."""


def postures(address: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the controller's time [s] and the measured joint angles, shape (6,)."""
    client = RtdeClient(address)
    try:
        client.stream(['timestamp', 'actual_q'], RATE_HZ)
        for time_s, *joints_rad in client.packages():
            yield time_s, np.array(joints_rad)
    finally:
        client.close()


def record(address: str, path: Path, lasting_s: float, over: list[int]) -> int:
    """Write a picture or a film, and return the number of frames.

    Args:
        address: of the controller.
        path: of the file; its end says what it becomes.
        lasting_s: of the film.
        over: not empty when it is to end early.
    """
    painter, frames, times_s = Painter(), [], []
    try:
        for time_s, joints_rad in postures(address):
            picture = painter.paint(joints_rad)
            if path.suffix in STILL_TYPES:
                picture.save(path)
                return 1
            frames.append(picture.quantize(COLOURS))
            times_s.append(time_s)
            if over or time_s - times_s[0] >= lasting_s:
                break
    finally:
        painter.close()
    # A renderer that is too slow shows fewer pictures, each for longer.
    write_film(path, frames, np.diff(times_s, append=times_s[-1] + 1.0 / RATE_HZ))
    return len(frames)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='view', description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('file', type=Path, nargs='?', help='.png, .jpg, .webp or .gif')
    parser.add_argument('--address', default='127.0.0.2',
                        help='of the controller (default 127.0.0.2)')
    parser.add_argument('--window', action='store_true', help='show a window')
    parser.add_argument('--seconds', type=float, default=5.0,
                        help=f'of a film, at most {MAX_SECONDS:.0f}; Ctrl-C ends it early '
                             '(default 5)')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Show or record; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.window == bool(options.file):
        parser.error('say either --window or the name of a file')
    over: list[int] = []
    os.nice(NICENESS)
    try:
        if options.window:
            show(joints_rad for _, joints_rad in postures(options.address))
            return 0
        require_file_type(options.file)
        if not 0.0 < options.seconds <= MAX_SECONDS:
            raise ConfigError(f'a film lasts 0 to {MAX_SECONDS} s; got {options.seconds}')
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda signum, _: over.append(signum))
        count = record(options.address, options.file, options.seconds, over)
    except PerlError as error:
        sys.stderr.write(f'view: {error}\n')
        return 1
    sys.stdout.write(f'{options.file}: {count} pictures\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
