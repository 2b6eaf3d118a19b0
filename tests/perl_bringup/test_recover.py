"""The command that recovers: its sentence and its exit codes."""

from perl_bringup import recover
from perl_core.errors import RobotError
import pytest


def refuse():
    raise RobotError('expected the service')


@pytest.mark.parametrize(
    ('answer', 'status', 'said'),
    [
        (lambda: (True, 'the controller is ARMED'), 0, 'the controller is ARMED\n'),
        (lambda: (False, 'still there'), 1, 'still there\n'),
        (refuse, 1, 'recover: expected the service\n'),
    ],
)
def test_it_tells_what_the_controller_says(monkeypatch, capsys, answer, status, said):
    monkeypatch.setattr('sys.argv', ['recover'])
    monkeypatch.setattr(recover, 'ask_to_recover', answer)
    monkeypatch.setattr(recover.os, 'environ', {})
    assert recover.main() == status
    assert said in capsys.readouterr()
