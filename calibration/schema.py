"""What a calibration of one robot says, and what is accepted as one."""

import dataclasses
import datetime
import hashlib
import json
from typing import Any

import numpy as np
from perl_core.errors import CalibrationError
from perl_core.fields import Fields
from perl_core.kinematics import UR5E_NOMINAL, DHParameters, Kinematics
from perl_core.rotation import vector_from_rotation

SCHEMA_VERSION = 1
ROBOT_TYPE = 'ur5e'
MAX_PAYLOAD_KG = 5.0
"""Universal Robots, UR5e technical specifications: payload 5 kg."""
DH_BOUNDS = {
    'theta_rad': 2.0 * np.pi,
    'd_m': 1000.0,
    'a_m': 2.0,
    'alpha_rad': np.pi,
}
"""Largest magnitudes. The link offsets of the nearly parallel axes 2 to 4 are badly conditioned:
factory calibrations hold hundreds of metres there that cancel along the chain."""
MAX_DEVIATION_M = 0.1
"""A calibrated tool further than this from the nominal one is of another robot or a typing error
(Universal Robots' ROS 2 driver, "Extract calibration information": errors of centimetres)."""
MAX_DEVIATION_RAD = 0.2
"""The same for the tool's orientation; chosen at the lever of the distance above over half an arm.
"""
_PROBES_RAD = (
    np.array((0.0, -np.pi / 2, np.pi / 2, -np.pi / 2, -np.pi / 2, 0.0)),
    np.array((1.0, -1.0, 1.5, -2.0, 1.0, 2.0)),
    np.array((-2.0, -2.0, -1.5, 0.5, -1.0, -1.0)),
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """The measured geometry and load of one robot."""

    robot_type: str
    """'ur5e'."""
    robot_serial: str
    """Serial number on the robot's base, or 'nominal'."""
    date: datetime.date
    """Day of the measurement."""
    dh_parameters: DHParameters
    """Of this arm."""
    tcp_position_tool0_m: np.ndarray
    """Tool centre point in ``tool0``, shape (3,)."""
    tcp_rotation_vector_tool0_rad: np.ndarray
    """Orientation of the tool in ``tool0``, shape (3,)."""
    payload_kg: float
    """Mass behind the flange."""
    payload_centre_tool0_m: np.ndarray
    """Centre of that mass in ``tool0``, shape (3,)."""
    source: str
    """How and by what the numbers were obtained."""
    notes: str
    """Anything a reader must know; 'none' if there is nothing."""

    @property
    def kinematics(self) -> Kinematics:
        """Forward kinematics of this arm; a new object each time, for it has scratch memory."""
        return Kinematics(self.dh_parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as plain types, as its file has them."""
        return {
            'schema_version': SCHEMA_VERSION,
            'robot_type': self.robot_type,
            'robot_serial': self.robot_serial,
            'date': self.date.isoformat(),
            'dh_parameters': {k: v.tolist() for k, v in self.dh_parameters._asdict().items()},
            'tcp_position_tool0_m': self.tcp_position_tool0_m.tolist(),
            'tcp_rotation_vector_tool0_rad': self.tcp_rotation_vector_tool0_rad.tolist(),
            'payload_kg': self.payload_kg,
            'payload_centre_tool0_m': self.payload_centre_tool0_m.tolist(),
            'source': self.source,
            'notes': self.notes,
        }

    def content_sha256(self) -> str:
        """Return the sha256 of what the calibration says, however its file is laid out."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def calibration_from_dict(data: object, source: str) -> Calibration:
    """Return the calibration that plain data describe.

    Args:
        data: as ``Calibration.to_dict`` returns it.
        source: where it came from, for the messages.

    Raises:
        CalibrationError: a field is missing, unknown, malformed or out of bounds.
    """
    names = {field.name for field in dataclasses.fields(Calibration)} | {'schema_version'}
    fields = Fields(data, source, names, CalibrationError)
    _require(fields.integer('schema_version') == SCHEMA_VERSION, source,
             f'schema_version must be {SCHEMA_VERSION}')
    _require(fields.text('robot_type') == ROBOT_TYPE, source,
             f'robot_type must be {ROBOT_TYPE!r}, the only one known')
    calibration = Calibration(
        robot_type=ROBOT_TYPE,
        robot_serial=fields.text('robot_serial'),
        date=_date(fields, source),
        dh_parameters=_dh_parameters(fields),
        tcp_position_tool0_m=fields.array('tcp_position_tool0_m', (3,), -1.0, 1.0),
        tcp_rotation_vector_tool0_rad=fields.array(
            'tcp_rotation_vector_tool0_rad', (3,), -np.pi, np.pi
        ),
        payload_kg=fields.number('payload_kg', 0.0, MAX_PAYLOAD_KG),
        payload_centre_tool0_m=fields.array('payload_centre_tool0_m', (3,), -0.5, 0.5),
        source=fields.text('source'),
        notes=fields.text('notes'),
    )
    _require_near_nominal(calibration, source)
    return calibration


def _dh_parameters(fields: Fields) -> DHParameters:
    dh = fields.child('dh_parameters', DHParameters._fields)
    return DHParameters(*(
        dh.array(name, (6,), -DH_BOUNDS[name], DH_BOUNDS[name]) for name in DHParameters._fields
    ))


def _date(fields: Fields, source: str) -> datetime.date:
    text = fields.text('date')
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise CalibrationError(
            f'{source}: date must be a day as 2026-11-21; it is {text!r}.'
        ) from error


def _require(condition: bool, source: str, sentence: str) -> None:
    if not condition:
        raise CalibrationError(f'{source}: {sentence}.')


def _require_near_nominal(calibration: Calibration, source: str) -> None:
    nominal, calibrated = Kinematics(UR5E_NOMINAL), calibration.kinematics
    for joints_rad in _PROBES_RAD:
        expected, came = nominal.tool_pose(joints_rad), calibrated.tool_pose(joints_rad)
        distance_m = float(np.linalg.norm(came.position_m - expected.position_m))
        turned = came.rotation @ expected.rotation.T
        angle_rad = float(np.linalg.norm(vector_from_rotation(turned)))
        _require(
            distance_m <= MAX_DEVIATION_M and angle_rad <= MAX_DEVIATION_RAD, source,
            f'dh_parameters put the tool {distance_m:.3f} m and {angle_rad:.3f} rad from a '
            f'nominal UR5e at the joint angles {joints_rad.tolist()}; at most '
            f'{MAX_DEVIATION_M} m and {MAX_DEVIATION_RAD} rad are accepted. '
            'Check the numbers, their order and their units',
        )
