"""A report that comes in parts: which have come, which are missing. Pure.

Parts carry the number of their request, count from 0 and say whether more follow (`tbc`). They may be
repeated, and may come in another order after a reconnect. A report is complete when the part that says
"no more" and all before it are there.
"""

from __future__ import annotations

from msgspec import Struct, field


class Parts(Struct, gc=False):
    """The parts of one report."""

    seen: set[int] = field(default_factory=set)
    last: int | None = None
    """The number of the part after which none follows, once it is known."""

    def take(self, seq_no: int, to_be_continued: bool) -> bool:
        """Note a part; returns whether it is a new one."""
        new = seq_no not in self.seen
        self.seen.add(seq_no)
        if not to_be_continued:
            self.last = seq_no
        return new

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.last is not None and not self.missing

    @property
    def missing(self) -> tuple[int, ...]:
        """Parts that must exist and have not come: those below the highest, and the next one while the last
        one is not known.
        """
        end = max(self.seen, default=-1) + 2 if self.last is None else self.last + 1
        return tuple(number for number in range(end) if number not in self.seen)
