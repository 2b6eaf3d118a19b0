"""How strict a verdict is."""

import enum


class Severity(enum.IntEnum):
    """Ordered, so that the strictest of several is their maximum; as in SafetyState.msg."""

    PASS = 0
    """Nothing was changed."""
    LIMIT = 1
    """The command was made slower or smaller."""
    STOP = 2
    """The arm ramps to rest and holds; latched until reset."""
