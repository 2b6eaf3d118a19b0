"""What a recovery asks of the controller, and when it gives up."""

from perl_control.recovery import RecoveryBudget, unlock
from perl_core.errors import RobotError
import pytest

ADDRESS = '127.0.2.61'


def test_it_gives_up_after_ten_in_ten_minutes():
    budget = RecoveryBudget()
    for minute in range(10):
        budget.take(60.0 * minute)
    with pytest.raises(RobotError, match=r'at most 10 recoveries in 600 s.*possible in 1 s'):
        budget.take(599.0)
    budget.take(600.0)
    assert budget.count == 11


def test_a_protective_stop_is_unlocked_once_the_controller_lets_us(start_emulator):
    start_emulator(ADDRESS, '--protective-stop')
    with pytest.raises(RobotError, match='Cannot unlock protective stop until 5s'):
        unlock(ADDRESS, waited_s=60.0)
    assert unlock(ADDRESS, waited_s=0.0) == 'the protective stop is unlocked'
    assert unlock(ADDRESS, waited_s=0.0) == 'there was no protective stop to unlock'


def test_anything_worse_is_left_to_a_person(monkeypatch):
    class Stopped:
        def __init__(self, _robot_ip):
            self.asked = []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            assert self.asked == ['safetystatus'], 'nothing else is asked of it'

        def ask(self, command):
            self.asked.append(command)
            return 'Safetystatus: ROBOT_EMERGENCY_STOP'

    monkeypatch.setattr('perl_control.recovery.Dashboard', Stopped)
    with pytest.raises(RobotError, match='it is ROBOT_EMERGENCY_STOP: clear it where it came'):
        unlock('127.0.0.1', waited_s=0.0)
