"""What the API takes and gives beside the live views of `model.live`: one struct a body, encoded as it is.

Names end in what they are: `...View` is read, `...Change` is written, `...Page` is a part of a long list with
the cursor of the next one. Power in W, current in A, energy in Wh; times are ISO 8601 with a zone, except
columns of a series (`at`), which are epoch seconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..csms.vocabulary import Outcome
from ..store.errors import TroubleKind

Time = Annotated[datetime, Meta(tz=True)]
Amperes = Annotated[float, Meta(ge=0, le=100_000)]
Watts = Annotated[float, Meta(ge=0, le=10_000_000_000)]
WattHours = Annotated[float, Meta(ge=0, le=10_000_000)]
Word = Annotated[str, Meta(min_length=1, max_length=100)]


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One thing wrong in a body or query: `where` is its path, `what` is wrong with it."""

    where: str
    what: str


class StoreTroubleView(Struct, frozen=True, kw_only=True):
    """Why the database can't be used, in words, what helps, and since when (site time). Stations charge on
    meanwhile; they are not answered, and send again."""

    kind: TroubleKind
    text: str
    remedy: str
    since: datetime


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, as RFC 9457 writes it, with what is wrong, where, and what would be right.

    `outcome` is a station's, where the error is that it did not do what it was told. `trouble` is the
    database's, where that is the error.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    what: str = ""
    where: str = ""
    remedy: str = ""
    errors: tuple[FieldProblem, ...] = ()
    outcome: Outcome | None = None
    trouble: StoreTroubleView | None = None


class HealthView(Struct, frozen=True, kw_only=True):
    """The node answers and its store can be read. `at` is site time."""

    status: Literal["ok"]
    at: datetime


class VersionView(Struct, frozen=True, kw_only=True):
    """What runs here."""

    name: str
    version: str
    api: str


class DemoView(Struct, frozen=True, kw_only=True):
    """The simulated world's switches: which stations' plugs are in."""

    speed: float
    stations: dict[str, bool]


class PlugView(Struct, frozen=True, kw_only=True):
    """A simulated station's network cable."""

    station_id: str
    plugged: bool
