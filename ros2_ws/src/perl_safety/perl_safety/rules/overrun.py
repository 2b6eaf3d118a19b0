"""A loop that misses its deadlines again and again does not move the arm."""

from perl_safety.rules.judged import Observed


def overrun(observed: Observed) -> str | None:
    """Stop after too many missed control periods in a row."""
    skipped = observed.facts.skipped_cycles
    return 'overrun' if skipped > observed.limits.max_skipped_cycles else None
