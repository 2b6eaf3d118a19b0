"""The one exception family of this project.

Every message says what was expected, what came, what is available, and what to do.
"""


class PerlError(Exception):
    """Base of every error that this project raises on purpose."""


class ContractError(PerlError):
    """An observation, action or policy that does not fit the contract."""


class ConfigError(PerlError):
    """A configuration value that is unknown, of the wrong type or out of bounds."""


class BundleError(PerlError):
    """A policy bundle that is missing, altered, or made for something else."""


class CheckpointError(PerlError):
    """A training checkpoint that is missing, damaged, or of another configuration."""


class TrainingError(PerlError):
    """Training that cannot go on, for example after a non-finite loss."""


class CalibrationError(PerlError):
    """A calibration file that is missing or does not follow the schema."""


class RobotError(PerlError):
    """A robot that does not answer, or is not in a state in which it may be controlled."""


class SafetyConfigError(ConfigError):
    """A safety limit that is missing, malformed or outside the robot's own."""


class BagError(PerlError):
    """A recording that cannot be read or evaluated."""


class PolicyError(PerlError):
    """A policy that was shown, or that said, something that cannot be followed."""

    reason = 'policy_not_finite'
    """Name of the stop that it causes."""


class PolicyRangeError(PolicyError):
    """A policy that said a number that none can say."""

    reason = 'policy_out_of_range'


class TabularError(PerlError):
    """A finite MDP, group action, gate or value table that is malformed or does not fit."""


class SymmetryError(PerlError):
    """A group element, representation or vector that does not fit the one it meets."""
