"""What a broken or hostile client may send, for the fuzzer: bytes made from a seed."""

from collections.abc import Callable
import json
from random import Random
import struct

from perl_sim.ur_controller.rtde_protocol import PackageType, frame

RTDE, DASHBOARD, SCRIPT = 'RTDE', 'dashboard', 'script'
"""Languages that are spoken at the ports."""
CONTROL = 'control'

_OUTPUTS = struct.pack('>d', 500.0) + b'timestamp,actual_q,actual_qd,output_int_register_0'
_SERVO = b'input_int_register_40,input_double_register_40,input_double_register_41'
WORDS = {
    RTDE: (
        frame(PackageType.REQUEST_PROTOCOL_VERSION, b'\x00\x02'),
        frame(PackageType.GET_URCONTROL_VERSION),
        frame(PackageType.SETUP_OUTPUTS, _OUTPUTS),
        frame(PackageType.SETUP_INPUTS, _SERVO),
        frame(PackageType.START),
        frame(PackageType.PAUSE),
        frame(PackageType.DATA_PACKAGE, struct.pack('>Bi2d', 1, 11, 0.5, float('nan'))),
        frame(PackageType.TEXT_MESSAGE, b'\x05hello\x01x\x03'),
        frame(PackageType.SETUP_OUTPUTS, struct.pack('>d', 500.0) + b'x' * 2040),
        frame(PackageType.SETUP_INPUTS, b','.join([b'speed_slider_mask'] * 200)),
    ),
    DASHBOARD: (
        b'robotmode\n', b'PolyscopeVersion\n', b'programState\n', b'load x.urp\n', b'play\n',
        b'popup ' + b'y' * 300 + b'\n', b'is in remote control\r\n', b'\n', b'quit\n',
        b'get serial number\n', b'isProgramSaved\n', b'set operational mode manual\n',
    ),
    SCRIPT: (
        b'stopj(2)\n', b'movej([0,0,0,0,0,0], a=1, v=1)\n', b'def f():\n  sync()\nend\n',
        b'set_digital_out(1, True)\n', b'end\nend\nend\n', b'def rtde_control():\n',
        b'sec s():\n set_tool_voltage(24)\nend\n', b'movej(p[1,2', b'\xff\xfe\x00\n',
        b'def g():\n' + b'  if True:\n' * 50,
        b'textmsg("' + b'(' * 200 + b'")\n', b'speedj([nan,inf,-1e999,0,0,0], 1e300, 5)\n',
    ),
    CONTROL: (
        b'{"do": "status"}\n', b'{"do": "clear"}\n', b'{"do": "begin", "fault": "melt"}\n',
        b'[]\n', b'\n', b'{"do": "step", "ticks": 1e99}\n', b'[' * 2000 + b'\n',
        json.dumps({'do': 'begin', 'fault': 'freeze_stream', 'for_s': 'x'}).encode() + b'\n',
    ),
}
"""What a sane client would say, and a few things that it would not."""


def nonsense(random: Random, _: str) -> bytes:
    """Return random bytes."""
    return random.randbytes(random.choice((1, 3, 50, 5000)))


def babble(random: Random, language: str) -> bytes:
    """Return whole words in any order."""
    return b''.join(random.choices(WORDS[language], k=random.randint(1, 20)))


def stutter(random: Random, language: str) -> bytes:
    """Return words with some bytes changed, left out or doubled."""
    text = bytearray(babble(random, language))
    for _ in range(random.randint(1, 8)):
        place = random.randrange(len(text))
        text[place:place + random.randint(0, 3)] = random.randbytes(random.randint(0, 3))
        text = text or bytearray(b'\0')
    return bytes(text)


def breath(random: Random, language: str) -> bytes:
    """Return words that break off."""
    text = babble(random, language)
    return text[:random.randrange(1, len(text) + 1)]


def bigmouth(random: Random, language: str) -> bytes:
    """Return far too much."""
    if language == RTDE:
        size = random.choice((0, 1, 2, 3, 0xFFFF))
        kind = random.choice(tuple(PackageType))
        return struct.pack('>HB', size, kind) + b'A' * 70_000
    return random.choice((b'x', b'(', b'if True:\n', b'{"a":')) * 40_000


MANNERS: tuple[Callable[[Random, str], bytes], ...] = (
    nonsense, babble, stutter, breath, bigmouth)
"""Ways of speaking."""


def attack(random: Random, language: str) -> bytes:
    """Return what one bad client sends at a port where a language is spoken."""
    return random.choice(MANNERS)(random, language)
