"""What the controller reports of arm, tool and program, written into the RTDE variables."""

from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.tool import Tool

START_TIME_S = 42.0
"""The clock at start: UR's client library takes less than 40 s for a controller that boots."""
_DIGITAL_OUTPUTS = (
    ('standard_digital_output', 0),
    ('configurable_digital_output', 8),
    ('tool_digital_output', 16),
)
"""Input variable and the first bit of actual_digital_output_bits that it sets (RTDE guide)."""


def apply_inputs(values: Values, written: set[str]) -> None:
    """Let the inputs that clients wrote have their effect: speed slider, digital outputs."""
    if 'speed_slider_mask' in written and values['speed_slider_mask'][0]:
        fraction = values['speed_slider_fraction'][0]
        # The order of max and min turns a number that is none into 0.
        values['target_speed_fraction'] = (min(max(0.0, fraction), 1.0),)
    for name, shift in _DIGITAL_OUTPUTS:
        if f'{name}_mask' in written:
            mask = values[f'{name}_mask'][0] << shift
            bits = values[name][0] << shift
            present = values['actual_digital_output_bits'][0]
            values['actual_digital_output_bits'] = (present & ~mask | bits & mask,)


def measure(values: Values, controller: Controller, tool: Tool) -> None:
    """Write the present state of arm, tool and program."""
    arm = controller.arm
    position_rad, velocity_rad_s = arm.position_rad, arm.velocity_rad_s
    pose, speed = tool.pose_and_speed(position_rad, velocity_rad_s)
    target_pose, target_speed = tool.pose_and_speed(*arm.reference)
    torque_n_m = arm.torque_n_m
    arrays = {
        'actual_q': position_rad,
        'actual_qd': velocity_rad_s,
        'target_q': arm.reference.position_rad,
        'target_qd': arm.reference.velocity_rad_s,
        'target_qdd': arm.reference_acceleration_rad_s2,
        'target_moment': torque_n_m,
        'actual_moment': torque_n_m,
        'actual_current_as_torque': torque_n_m,
        'actual_TCP_pose': pose,
        'actual_TCP_speed': speed,
        'target_TCP_pose': target_pose,
        'target_TCP_speed': target_speed,
        'tcp_offset': tool.offset,
    }
    for name, array in arrays.items():
        values[name] = tuple(array.tolist())
    values['timestamp'] = (START_TIME_S + controller.tick * TICK_S,)
    values['robot_mode'] = (int(controller.robot_mode),)
    values['safety_mode'] = values['safety_status'] = (int(controller.safety_mode),)
    values['safety_status_bits'] = (controller.safety_status_bits,)
    values['robot_status_bits'] = (controller.robot_status_bits,)
    values['runtime_state'] = (int(controller.runtime_state),)
    values['actual_momentum'] = (0.0,)
