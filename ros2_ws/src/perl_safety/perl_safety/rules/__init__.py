"""The rules of the filter, one file each; see ``judged`` for their kinds."""

from perl_safety.rules.acceleration import acceleration
from perl_safety.rules.deviation import deviation
from perl_safety.rules.elbow import elbow
from perl_safety.rules.finite import finite
from perl_safety.rules.jerk import jerk
from perl_safety.rules.joint_position import joint_position
from perl_safety.rules.judged import BorderRule, BoundingRule, StoppingRule
from perl_safety.rules.obstacles import obstacles
from perl_safety.rules.overrun import overrun
from perl_safety.rules.runtime_state import runtime_state
from perl_safety.rules.safety_bits import safety_bits
from perl_safety.rules.self_collision import self_collision
from perl_safety.rules.singularity import singularity
from perl_safety.rules.speed_scaling import speed_scaling
from perl_safety.rules.stale_goal import stale_goal
from perl_safety.rules.stale_state import stale_state
from perl_safety.rules.table import table
from perl_safety.rules.tool_force import tool_force
from perl_safety.rules.velocity import velocity
from perl_safety.rules.workspace import workspace

STOPPING: tuple[StoppingRule, ...] = (
    finite, safety_bits, runtime_state, deviation, stale_state, stale_goal, overrun, tool_force,
)
"""In order of precedence: the first that objects is the cause."""
BOUNDING: tuple[BoundingRule, ...] = (
    acceleration, jerk, velocity, speed_scaling, joint_position,
)
"""The acceleration comes first: no later rule can ask for a change that the arm cannot make."""
BORDERS: tuple[BorderRule, ...] = (
    workspace, elbow, table, self_collision, obstacles, singularity,
)
"""Where links may be."""
