"""The rules of the filter, one file each, in the order in which they are folded.

Every rule's bounds on the joint velocity contain zero or the braking velocity, so braking is
always allowed; see ``rule.tighten``. Rules that look at the state come first, then the joint
limits, then what depends on the candidate velocity of the whole arm.
"""

from perl_safety.rules.acceleration import acceleration
from perl_safety.rules.deviation import deviation
from perl_safety.rules.finite import finite
from perl_safety.rules.joint_position import joint_position
from perl_safety.rules.rule import Rule
from perl_safety.rules.safety_bits import safety_bits
from perl_safety.rules.stale_state import stale_state
from perl_safety.rules.tool_speed import tool_speed
from perl_safety.rules.velocity import velocity
from perl_safety.rules.workspace import workspace

RULES: tuple[Rule, ...] = (
    finite,
    safety_bits,
    deviation,
    acceleration,
    velocity,
    joint_position,
    stale_state,
    tool_speed,
    workspace,
)
"""All rules, in order. The acceleration comes first of the bounds: no later rule can ask for a
change of velocity that the arm cannot make."""
