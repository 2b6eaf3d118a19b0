"""What hangs at the flange is what the policy was trained with, or there is a sentence."""

from pathlib import Path
import socket
import time
from types import SimpleNamespace

from perl_control.robots.base import Tool
from perl_control.tool_check import require_trained_tool
from perl_core.errors import RobotError
import pytest

NO_OFFSET = (0.0,) * 6


def trained(environment):
    return SimpleNamespace(training=SimpleNamespace(environment_config=environment))


TRAINED = trained({'randomisation': {'payload_kg': [0.0, 1.0]}})


def test_a_trained_payload_is_accepted():
    assert require_trained_tool(Tool(0.5, NO_OFFSET), TRAINED) == ''
    assert require_trained_tool(None, TRAINED) == ''
    assert require_trained_tool(Tool(4.0, NO_OFFSET), trained({})) == ''


@pytest.mark.parametrize('payload_kg', [1.5, -0.5, float('nan')])
def test_another_payload_is_refused(payload_kg):
    with pytest.raises(RobotError, match='from 0 to 1 kg, with which the policy was trained'):
        require_trained_tool(Tool(payload_kg, NO_OFFSET), TRAINED)


def test_another_tcp_is_told():
    offset = (0.0, 0.0, 0.15, 0.0, 0.0, 0.0)
    assert '0.15' in require_trained_tool(Tool(0.0, offset), TRAINED)


def test_the_controller_is_asked(start_loop, start_emulator):
    start_emulator('127.0.2.63')
    with socket.create_connection(('127.0.2.63', 30002), 2.0) as script:
        script.sendall(b'def heavy():\n  set_payload(3.0)\nend\n')
        time.sleep(0.5)
    shipped = Path(__file__).parents[2] / 'policies' / 'ur5e_reach'
    with pytest.raises(RobotError, match=r'3\.00 kg is set at the controller'):
        start_loop('127.0.2.63', shipped).ready()
