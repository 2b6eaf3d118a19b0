"""What is wrong with a bag: refused at once, or noted while the rest is evaluated."""

from perl_core.errors import BagError


class Objections:
    """Collects what speaks against a bag."""

    def __init__(self, partial: bool = False) -> None:
        """Decide what an objection means.

        Args:
            partial: note it and go on, instead of raising it.
        """
        self._partial = partial
        self._noted: dict[str, str] = {}

    @property
    def noted(self) -> tuple[str, ...]:
        """The sentences so far, the first of each kind, in order."""
        return tuple(self._noted.values())

    def raise_(self, kind: str, sentence: str) -> None:
        """Take an objection.

        Args:
            kind: of several of a kind, the first is kept.
            sentence: for people.

        Raises:
            BagError: with this sentence, unless a partial evaluation was asked for.
        """
        if not self._partial:
            raise BagError(sentence)
        self._noted.setdefault(kind, sentence)
