"""What hangs at the flange, against what the policy was trained with."""

from typing import Any

from perl_core.bundle.manifest import Manifest
from perl_core.errors import RobotError

from perl_control.robots.base import Tool

PAYLOAD_TOLERANCE_KG = 0.1
"""A teach pendant shows two digits; an order below what a UR5e (5 kg) feels."""


def require_trained_tool(tool: Tool | None, manifest: Manifest) -> str:
    """Compare the tool of the controller with the training.

    Args:
        tool: what is set at the controller; None: nobody knows.
        manifest: of the policy.

    Returns:
        One sentence of warning, or an empty string.

    Raises:
        RobotError: the payload is outside the range of the training.
    """
    if tool is None:
        return ''
    trained_kg = _trained_payload_kg(manifest.training.environment_config)
    if trained_kg is not None:
        lowest_kg, highest_kg = trained_kg
        if not (lowest_kg - PAYLOAD_TOLERANCE_KG <= tool.payload_kg
                <= highest_kg + PAYLOAD_TOLERANCE_KG):
            raise RobotError(
                f'expected a payload from {lowest_kg:g} to {highest_kg:g} kg, with which the '
                f'policy was trained; {tool.payload_kg:.2f} kg is set at the controller. Correct '
                'it on the teach pendant, or train with this payload.'
            )
    if any(tool.offset):
        offset = ', '.join(f'{value:.4g}' for value in tool.offset)
        return (
            f'the TCP of the controller is [{offset}] (m, rad) away from the flange; goals are '
            'poses of tool0, the flange itself'
        )
    return ''


def _trained_payload_kg(environment: dict[str, Any]) -> tuple[float, float] | None:
    """Return the range of the training; None where the environment does not tell."""
    randomisation = environment.get('randomisation')
    found = randomisation.get('payload_kg') if isinstance(randomisation, dict) else None
    return None if found is None else (float(found[0]), float(found[1]))
