"""Attack every port of an emulator for a while: ``make fuzz-emulator``.

Meanwhile a witness reads the RTDE stream: nothing of it may be missing. Afterwards the emulator
must be alive, with as many threads and open files as before.
"""

import argparse
from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import json
from pathlib import Path
from random import Random
import signal
import socket
import struct
import subprocess
import sys
import time

import numpy as np
from perl_core.errors import PerlError, RobotError
from perl_sim.ur_controller import attacks
from perl_sim.ur_controller.control_server import socket_name
from perl_sim.ur_controller.motions import TICK_S

PORTS = {
    30004: attacks.RTDE, 29999: attacks.DASHBOARD,
    **dict.fromkeys((30001, 30002, 30003, 30011, 30012, 30013), attacks.SCRIPT),
}
"""Every TCP port, and the language spoken there."""
CROWD = 300
"""Connections of one flood: more than a service takes."""
PATIENCE_S = 2.0
"""How long a bad client waits for anything."""
SETTLE_LIMIT_S = 10.0
"""By when everything of a client must be gone. Own choice: a client that never reads is dropped
after 2 s."""
MISSING_LIMIT = 0
"""Packages that the witness may miss."""
DEFAULT_ADDRESS = '127.0.0.98'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a process holds."""

    descriptors: int
    """Open files and sockets."""
    threads: int
    """Of the process."""


def resources(pid: int) -> Resources:
    """Return what a process holds (proc(5))."""
    process = Path(f'/proc/{pid}')
    return Resources(descriptors=len(list((process / 'fd').iterdir())),
                     threads=len(list((process / 'task').iterdir())))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """How an emulator stood it."""

    attacks: dict[str, int]
    """How many of each kind."""
    alive: bool
    """Whether it still runs."""
    before: Resources
    """What it held before."""
    after: Resources
    """What it holds after all clients have left."""
    witness_packages: int
    """Packages that the witness got."""
    witness_missing: int
    """Packages that it should have got, too."""

    @property
    def held(self) -> bool:
        """Whether it stood it."""
        return (self.alive and self.before == self.after and self.witness_packages > 0
                and self.witness_missing <= MISSING_LIMIT)


class Attacker:
    """Bad clients of one emulator."""

    def __init__(self, address: str, random: Random) -> None:
        """Attack at an address; nothing is sent yet.

        Args:
            address: of the emulator.
            random: all chance comes from here.
        """
        self._address = address
        self._random = random
        self._lasting: list[socket.socket] = []
        self.kinds: tuple[Callable[[], None], ...] = (
            self.speak, self.speak, self.speak, self.mob_control, self.crowd, self.drip,
            self.never_read, self.reset,
        )

    def attack(self) -> str:
        """Do one attack and return its name."""
        kind = self._random.choice(self.kinds)
        with contextlib.suppress(OSError):
            kind()
        return kind.__name__

    def leave(self) -> None:
        """Let all clients go that stayed."""
        for client in self._lasting:
            client.close()
        self._lasting.clear()

    def speak(self) -> None:
        """Say something and leave, or hang up the sending side only and listen."""
        with self._connect() as (client, language):
            client.sendall(attacks.attack(self._random, language))
            if self._random.random() < 0.5:
                client.shutdown(socket.SHUT_WR)
                client.settimeout(0.05)
                client.recv(65536)

    def mob_control(self) -> None:
        """Speak at the control socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(PATIENCE_S)
            client.connect(socket_name(self._address))
            client.sendall(attacks.attack(self._random, attacks.CONTROL))

    def crowd(self) -> None:
        """Connect many times at once."""
        port = self._random.choice(tuple(PORTS))
        clients: list[socket.socket] = []
        try:
            for _ in range(CROWD):
                client = socket.socket()
                clients.append(client)
                client.setblocking(False)
                client.connect_ex((self._address, port))
        finally:
            for client in clients:
                client.close()

    def drip(self) -> None:
        """Send byte by byte, and stay."""
        client, language = self._open()
        self._lasting.append(client)
        for byte in attacks.breath(self._random, language)[:40]:
            client.sendall(bytes([byte]))

    def never_read(self) -> None:
        """Ask for as much as there is, read nothing, and stay."""
        client = socket.socket()
        self._lasting.append(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE_S)
        client.connect((self._address, 30004))
        names = b','.join([b'actual_q'] * 100)
        setup = struct.pack('>HBd', 11 + len(names), ord('O'), 500.0) + names
        client.sendall(setup + struct.pack('>HB', 3, ord('S')))
        client.setblocking(False)
        for _ in range(200):
            client.send(struct.pack('>HB', 3, ord('v')) * 100)

    def reset(self) -> None:
        """Say something and vanish without an end."""
        client, language = self._open()
        client.sendall(attacks.attack(self._random, language))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()

    def _open(self) -> tuple[socket.socket, str]:
        if len(self._lasting) > 40:
            self._lasting.pop(self._random.randrange(len(self._lasting))).close()
        port = self._random.choice(tuple(PORTS))
        return socket.create_connection((self._address, port), PATIENCE_S), PORTS[port]

    @contextlib.contextmanager
    def _connect(self) -> Iterator[tuple[socket.socket, str]]:
        client, language = self._open()
        try:
            yield client, language
        finally:
            client.close()


def fuzz(address: str, pid: int, lasting_s: float, seed: int) -> Report:
    """Attack a running emulator.

    Args:
        address: where it is.
        pid: of its process.
        lasting_s: how long.
        seed: of all chance.

    Raises:
        RobotError: the witness could not read at all.
    """
    before = resources(pid)
    witness = subprocess.Popen(
        [sys.executable, '-m', f'{__package__}.bench_client', 'read', '--address', address,
         '--seconds', str(lasting_s + 1.0)], stdout=subprocess.PIPE)
    attacker, counts = Attacker(address, Random(seed)), {}
    end_s = time.monotonic() + lasting_s
    while time.monotonic() < end_s and _is_alive(pid):
        name = attacker.attack()
        counts[name] = counts.get(name, 0) + 1
    out, _ = witness.communicate()
    attacker.leave()
    packages, missing = _count(out)
    return Report(
        attacks=dict(sorted(counts.items())), alive=_is_alive(pid), before=before,
        after=_settled(pid, before), witness_packages=packages, witness_missing=missing)


def _count(arrivals: bytes) -> tuple[int, int]:
    timestamps_s = np.frombuffer(arrivals).reshape(-1, 2)[:, 1]
    if not len(timestamps_s):
        raise RobotError('the witness got no package')
    expected = round((timestamps_s[-1] - timestamps_s[0]) / TICK_S) + 1
    return len(timestamps_s), expected - len(timestamps_s)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def _settled(pid: int, before: Resources) -> Resources:
    end_s = time.monotonic() + SETTLE_LIMIT_S
    after = before
    while _is_alive(pid):
        after = resources(pid)
        if after == before or time.monotonic() > end_s:
            break
        time.sleep(0.05)
    return after


def main(arguments: list[str] | None = None) -> int:
    """Start an emulator, attack it, print how it stood it; return 0 if it did."""
    parser = argparse.ArgumentParser(prog='fuzz', description='Attack every port of an emulator.')
    parser.add_argument('--address', default=DEFAULT_ADDRESS,
                        help=f'of the emulator that is started (default {DEFAULT_ADDRESS})')
    parser.add_argument('--seconds', type=float, default=60.0, help='how long (default 60)')
    parser.add_argument('--seed', type=int, default=0, help='of all chance (default 0)')
    options = parser.parse_args(arguments)
    emulator = subprocess.Popen(
        [sys.executable, '-m', __package__ or '', '--address', options.address, '--no-status',
         '--log-level', 'ERROR'], stdout=subprocess.PIPE)
    try:
        if emulator.stdout is None or not emulator.stdout.readline().startswith(b'ready'):
            raise RobotError(f'the emulator did not start at {options.address}')
        report = fuzz(options.address, emulator.pid, options.seconds, options.seed)
    except PerlError as error:
        sys.stderr.write(f'fuzz: {error}\n')
        return 2
    finally:
        emulator.send_signal(signal.SIGTERM)
        emulator.wait()
    sys.stdout.write(json.dumps({'held': report.held, **dataclasses.asdict(report)}) + '\n')
    return 0 if report.held else 1


if __name__ == '__main__':
    sys.exit(main())
