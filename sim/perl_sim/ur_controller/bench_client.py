"""The processes of the bench: RTDE clients, and a bare loop to compare them with.

Each prints pairs of float64: when a package was there (time.monotonic, seconds) and the
controller's time in it.
"""

import argparse
import math
import socket
import struct
import sys
import time

from perl_core.contract import Contract
from perl_sim.ur_controller.pacing import TICK_NS, become_real_time
from perl_sim.ur_controller.rtde_client import SCRIPT_PORT, RtdeClient
from perl_sim.ur_controller.rtde_variables import outputs_of

SCRIPT = """def bench():
  while True:
    servoj([{}], 0, 0, 0.002, 0.1, 300)
  end
end
""".format(', '.join(f'read_input_float_register({index})' for index in range(6)))
"""Follows the first six registers."""
SWING_RAD, SWING_HZ = 0.1, 0.5
"""How the driver moves the first joint. Own choice: slow."""
TARGET = tuple(f'input_double_register_{index}' for index in range(6))
VERSION = (5, 11)
"""Whose variables are read: those of the version that the emulator reports."""
VARIABLES = 60
"""How many are read, by a client that reads. Source: ur_rtde's receive interface reads 58."""


def read(address: str, lasting_s: float) -> list[float]:
    """Read as many variables as ur_rtde's receive interface at 500 Hz."""
    client = RtdeClient(address)
    names = dict.fromkeys(('timestamp', *outputs_of(VERSION)))
    client.stream(list(names)[:VARIABLES])
    return _arrivals(client, lasting_s)


def drive(address: str, lasting_s: float) -> list[float]:
    """Swing the arm with servoj at 500 Hz, in step with the packages that come."""
    client = RtdeClient(address)
    recipe = client.write_to(TARGET)
    client.stream(['timestamp', 'actual_q', 'actual_qd', 'runtime_state'])
    layout, home_rad = struct.Struct('>B6d'), Contract().home_rad
    client.write(layout.pack(recipe, *home_rad))
    next(client.packages())
    with socket.create_connection((address, SCRIPT_PORT)) as script:
        script.sendall(SCRIPT.encode())
        arrivals: list[float] = []
        end_s = time.monotonic() + lasting_s
        for timestamp_s, *_ in client.packages():
            now_s = time.monotonic()
            arrivals += (now_s, timestamp_s)
            swing_rad = SWING_RAD * math.sin(2.0 * math.pi * SWING_HZ * (len(arrivals) / 1000.0))
            client.write(layout.pack(recipe, home_rad[0] + swing_rad, *home_rad[1:]))
            if now_s > end_s:
                return arrivals
    return arrivals


def idle(_: str, lasting_s: float) -> list[float]:
    """Sleep to absolute times and nothing else: what this machine can do."""
    arrivals: list[float] = []
    begin_ns = next_ns = time.monotonic_ns()
    while next_ns - begin_ns < lasting_s * 1e9:
        now_ns = time.monotonic_ns()
        if now_ns < next_ns:
            time.sleep((next_ns - now_ns) * 1e-9)
        arrivals += (time.monotonic(), (next_ns - begin_ns) * 1e-9)
        next_ns += TICK_NS
    return arrivals


def _arrivals(client: RtdeClient, lasting_s: float) -> list[float]:
    arrivals: list[float] = []
    end_s = time.monotonic() + lasting_s
    for timestamp_s, *_ in client.packages():
        now_s = time.monotonic()
        arrivals += (now_s, timestamp_s)
        if now_s > end_s:
            break
    return arrivals


ROLES = {'read': read, 'drive': drive, 'idle': idle}
"""What a process of the bench can be."""


def main() -> int:
    """Play one role and write what was seen to stdout, as bytes."""
    parser = argparse.ArgumentParser(description='One process of the bench of the emulator.')
    parser.add_argument('role', choices=sorted(ROLES))
    parser.add_argument('--address', required=True)
    parser.add_argument('--seconds', type=float, required=True)
    parser.add_argument('--priority', type=int, default=0)
    options = parser.parse_args()
    become_real_time(options.priority)
    arrivals = ROLES[options.role](options.address, options.seconds)
    sys.stdout.buffer.write(struct.pack(f'{len(arrivals)}d', *arrivals))
    return 0


if __name__ == '__main__':
    sys.exit(main())
