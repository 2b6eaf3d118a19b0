"""Whatever happens in whatever order: nothing moves unarmed, and nothing jumps."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_control.mailbox import Mode
from perl_control.states import State
from perl_core.robot_state import RUNTIME_PLAYING
from perl_safety.limits import load_limits

LIMITS = load_limits()
STEP_RAD = LIMITS.max_joint_speed_rad_s / 500 + 1e-9
VELOCITY_CHANGE_RAD_S = LIMITS.max_joint_acceleration_rad_s2 / 500 + 1e-9
NO_JUMP_RAD = 0.001
PROTECTIVE_STOP, SAFEGUARD_STOP, EMERGENCY_STOP = 0x404, 0x410, 0x4C0
STOPPED, PAUSED = 1, 4


class Story:
    """The rig, and what its arm and its people do."""

    def __init__(self, rig, data):
        self.rig, self.draw = rig, data.draw

    def halt(self, bits, runtime):
        robot = self.rig.robot
        robot.safety_status_bits, robot.runtime_state, robot.refuses = bits, runtime, True

    def protective_stop(self):
        self.halt(PROTECTIVE_STOP, PAUSED)

    def safeguard_stop(self):
        self.halt(SAFEGUARD_STOP, PAUSED)

    def emergency_stop(self):
        self.halt(EMERGENCY_STOP, STOPPED)

    def pause(self):
        self.halt(1, PAUSED)

    def program_ends(self):
        self.halt(1, STOPPED)

    def unlock(self):
        self.rig.robot.safety_status_bits, self.rig.robot.refuses = 1, False

    def resume(self):
        self.unlock()
        self.rig.robot.runtime_state = RUNTIME_PLAYING

    def reset(self):
        self.rig.order(reset_sequence=self.rig.orders.reset_sequence + 1)

    def push(self):
        """Somebody moves the stopped arm by hand."""
        if self.rig.robot.refuses:
            self.rig.robot.push(np.array(self.draw(st.tuples(*[st.floats(-0.05, 0.05)] * 6))))

    def freeze(self):
        self.rig.robot.frozen = not self.rig.robot.frozen

    def monitor(self):
        self.rig.monitor.stop = not self.rig.monitor.stop

    def node(self):
        self.rig.node_alive = not self.rig.node_alive

    def goal(self):
        self.rig.goal(self.draw(st.tuples(*[st.floats(-0.2, 0.2)] * 3)))

    def cancel(self):
        self.rig.order(goal_active=False)

    def scale(self):
        self.rig.order(speed_scale=self.draw(st.sampled_from((0.0, 0.3, 1.0))))

    def standby(self):
        self.rig.order(mode=Mode.STANDBY)

    def arm(self):
        self.rig.order(mode=Mode.ARMED)


DEEDS = [name for name in vars(Story) if not name.startswith('_') and name != 'halt']
USUAL = ['arm', 'goal', 'resume', 'reset', 'goal']
"""Drawn more often, so that the arm moves at all."""


def require_no_jump(records):
    sent = records['sent_rad']
    steps = np.abs(np.diff(sent, axis=0)).max(axis=1)
    stopped = records['severity'] == 2
    seeded = stopped[:-1] & ~stopped[1:]
    assert steps[~seeded].max(initial=0.0) <= STEP_RAD
    for tick in np.flatnonzero(seeded) + 1:
        away_rad = np.abs(sent[tick] - records['measured_rad'][tick]).max()
        still = np.array_equal(sent[tick], sent[tick - 1])
        assert still or away_rad <= NO_JUMP_RAD, (tick, away_rad)
    smooth = ~(seeded[1:] | seeded[:-1])
    changes = np.abs(np.diff(sent, n=2, axis=0)).max(axis=1) * 500
    assert changes[smooth].max(initial=0.0) <= VELOCITY_CHANGE_RAD_S
    held = np.isin(records['state'], (State.STANDBY, State.ARMED, State.FAULT))
    resting = held[1:] & held[:-1] & ~seeded
    assert steps[resting].max(initial=0.0) == 0.0, 'it moves although nobody asks for it'


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_jumps_in_any_sequence_of_stops_and_restarts(new_rig, data):
    rig = new_rig()
    story, records = Story(rig, data), [rig.run(0.01)]
    require_no_jump(np.concatenate([*records, rig.arm()]))
    story.goal()
    for _ in range(data.draw(st.integers(2, 12))):
        getattr(story, data.draw(st.sampled_from(DEEDS + USUAL)))()
        records.append(rig.run(data.draw(st.sampled_from((0.004, 0.05, 0.25)))))
    require_no_jump(np.concatenate(records))
