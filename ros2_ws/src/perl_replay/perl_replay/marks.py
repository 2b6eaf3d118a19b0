"""Remarks that somebody made while a bag was recorded."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarkFigures:
    """One remark."""

    time_s: float
    """After the start of the bag."""
    text: str
    """What was remarked."""
