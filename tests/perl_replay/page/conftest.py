"""A bag in which every text tries to become part of the page."""

from pathlib import Path

from perl_msgs.msg import ControllerState, Mark, SafetyState
from perl_replay.evaluation import EvaluationOptions
from perl_replay.page.making import trace_bag
import pytest

HOSTILE = (
    '</script></title><script>alert(1)</script><img src="http://example.org/x" onerror=alert(2)>'
)


@pytest.fixture(scope='session')
def bags():
    """Return the folder of the recordings."""
    return Path(__file__).parents[2] / 'bags'


@pytest.fixture(scope='session')
def reach(bags):
    """Return the recording of three goals, evaluated, with its traces."""
    return trace_bag(bags / 'reach', EvaluationOptions())


@pytest.fixture
def hostile_bag(start_run, goal_type):
    """Return the folder of a run full of it."""
    run = start_run('<b>bag')
    run.writer.add_metadata('perl_software', {'git_hash': HOSTILE, HOSTILE: 'value'})
    run.writer.add_metadata('perl_settings', {'limits.text': f'two\nlines {HOSTILE}'})
    run.controller(ControllerState.ARMED, robot_ip=HOSTILE, bundle_sha256=HOSTILE)
    run.safety(severity=SafetyState.PASS)
    run.controller(ControllerState.MOVING, robot_ip=HOSTILE, bundle_sha256=HOSTILE)
    run.pursue(goal_type())
    run.pursue(goal_type(outcome=1, message=HOSTILE))
    run.safety(severity=SafetyState.STOP, reasons=[HOSTILE], stops=1)
    run.controller(ControllerState.FAULT, reason=HOSTILE)
    mark = Mark(text=HOSTILE)
    mark.header.stamp.sec, mark.header.stamp.nanosec = divmod(run.now_ns, 1_000_000_000)
    run.put('/perl_recorder/marks', mark)
    return run.close()
