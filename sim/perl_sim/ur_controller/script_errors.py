"""What can go wrong in a program, and with which consequence."""

from perl_core.errors import PerlError


class ImpossibleTargetError(PerlError):
    """Where the arm cannot go: the answer is a protective stop, as on the robot."""


class ScriptError(PerlError):
    """What the script cannot do: the answer is the end of the program, as on the robot."""
