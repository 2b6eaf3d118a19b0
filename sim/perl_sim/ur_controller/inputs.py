"""What RTDE inputs do: speed slider, digital and analog outputs."""

from perl_sim.ur_controller.rtde_variables import Values

_DIGITAL_OUTPUTS = (
    ('standard_digital_output', 0),
    ('configurable_digital_output', 8),
    ('tool_digital_output', 16),
)
"""Input variable and the first bit of actual_digital_output_bits that it sets (RTDE guide)."""
_ANALOG_OUTPUTS = (
    ('standard_analog_output_0', 'standard_analog_output0', 0),
    ('standard_analog_output_1', 'standard_analog_output1', 1),
)
"""Input variable, output variable and bit of mask and type (RTDE guide)."""
_OUTPUT_TYPE_BIT = 2
"""First bit of analog_io_types about an output; inputs come before (RTDE guide)."""
VOLTAGE_V = (0.0, 10.0)
"""Range of an analog output as voltage. Source: UR5e user manual."""
CURRENT_A = (0.004, 0.020)
"""Range of an analog output as current. Source: UR5e user manual."""


def apply_inputs(values: Values, written: set[str]) -> None:
    """Let the inputs that clients wrote have their effect.

    Args:
        values: of all variables.
        written: names of the inputs that were written since the last tick.
    """
    if not written:
        return
    if 'speed_slider_mask' in written and values['speed_slider_mask'][0]:
        values['target_speed_fraction'] = (unit_interval(values['speed_slider_fraction'][0]),)
    for name, shift in _DIGITAL_OUTPUTS:
        if f'{name}_mask' in written:
            set_digital_outputs(values, values[f'{name}_mask'][0] << shift,
                                values[name][0] << shift)
    if 'standard_analog_output_mask' in written:
        _apply_analog(values)


def set_digital_outputs(values: Values, mask: int, bits: int) -> None:
    """Switch the digital outputs in a mask; both are bits of actual_digital_output_bits."""
    present = values['actual_digital_output_bits'][0]
    following = present & ~mask | bits & mask
    values['actual_digital_output_bits'] = (following,)
    values['actual_configurable_digital_output_bits'] = (following >> 8 & 0xFF,)


def set_analog_output(values: Values, index: int, fraction: float) -> None:
    """Set an analog output, 0 or 1, to a fraction of its range."""
    is_voltage = values['analog_io_types'][0] >> _OUTPUT_TYPE_BIT + index & 1
    low, high = VOLTAGE_V if is_voltage else CURRENT_A
    values[_ANALOG_OUTPUTS[index][1]] = (low + unit_interval(fraction) * (high - low),)


def set_analog_type(values: Values, index: int, is_voltage: bool) -> None:
    """Let an analog output, 0 or 1, be a voltage or a current."""
    bit = 1 << _OUTPUT_TYPE_BIT + index
    types = values['analog_io_types'][0]
    values['analog_io_types'] = (types | bit if is_voltage else types & ~bit,)


def unit_interval(fraction: float) -> float:
    """Return a fraction within 0 to 1, and 0 for what is no number."""
    # The order of max and min turns a number that is none into 0.
    return min(max(0.0, fraction), 1.0)


def _apply_analog(values: Values) -> None:
    mask = values['standard_analog_output_mask'][0]
    types = values['standard_analog_output_type'][0]
    for name, _, index in _ANALOG_OUTPUTS:
        if mask >> index & 1:
            set_analog_type(values, index, bool(types >> index & 1))
            set_analog_output(values, index, values[name][0])
