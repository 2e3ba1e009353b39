"""What is kept of a tick: every field of what the law was told and of what it answered, as plain numbers.

The fields are taken from the types themselves, so that one that is added to `Snapshot`, `EvseState`,
`CircuitState`, `CircuitLedger` or `Decision` is kept from then on. A name's ending says how finely: currents
to 0.1 A (limits travel so), times to 0.1 s, powers to 1 W, slack to a minute (the law looks at quarters of an
hour).

What a chain holds names its columns. One that is not known any more is left out when it is read, one that is
new since has its default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct, structs

from ...control.types import CircuitLedger, CircuitState, Decision, EvseState, Grant, Snapshot
from ...model.live import Reason
from ...model.site import EvseKey, Site

Row = tuple[Any, ...]
"""What is kept of one thing at one tick, in the order of its columns."""

PLACED: dict[type[Struct], tuple[str, ...]] = {
    Snapshot: ("site", "circuits", "evses", "at", "epoch_s"),
    Decision: ("at", "grants", "cuts", "raises", "held_a", "cutting", "reserved", "circuits"),
}
"""Fields that have their place elsewhere; all others of these two go into the row of the site."""

OF_A_GRANT = ("target_a", "reasons", "held_a", "cutting_a", "reserved", "cut_a", "raise_a")
"""An EVSE's columns besides its state: where the law wants it, why not higher, what it may draw at most, and
what was sent in this tick."""


LARGEST = 1e15
"""Beyond it a number is kept as text: it is nonsense, and wouldn't fit."""


class Columns(NamedTuple):
    """Names of the columns of the site's row, a circuit's and an EVSE's."""

    site: tuple[str, ...]
    circuit: tuple[str, ...]
    evse: tuple[str, ...]


def _fields(of: type[Struct], *without: str) -> tuple[str, ...]:
    return tuple(name for name in of.__struct_fields__ if name not in without)


_STATE = _fields(EvseState, "key")
_CIRCUIT = _fields(CircuitState, "circuit_id")
_LEDGER = _fields(CircuitLedger, "circuit_id")
_DECIDED = _fields(Decision, *PLACED[Decision])
_SEEN = _fields(Snapshot, *PLACED[Snapshot], *_DECIDED)  # what a decision repeats is told once

COLUMNS = Columns(_SEEN + _DECIDED, _CIRCUIT + _LEDGER, _STATE + OF_A_GRANT)
"""Those of this program."""


# ---------------------------------------------------------------- to numbers and back


def _scale(name: str) -> float | None:
    """Parts of a unit that are kept of a field by this name; None for what is no measure."""
    if name == "slack_s":
        return 1 / 60
    if name.endswith(("_a", "_at", "_until", "_since", "_after", "_s", "_percent")):
        return 10.0
    return 1.0 if name.endswith(("_w", "_wh")) else None


def _packed(value: Any, scale: float) -> Any:
    if value is None or value is False or value is True:
        return value
    if isinstance(value, tuple):
        return [_packed(part, scale) for part in value]
    if isinstance(value, dict):
        return [[_plain(key), _packed(part, scale)] for key, part in value.items()]
    if isinstance(value, int | float):
        return round(value * scale) if abs(value) < LARGEST else str(value)  # what is no number is not less
    return _plain(value)


def _unpacked(value: Any, scale: float) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value / scale
    if isinstance(value, list):
        return [_unpacked(part, scale) for part in value]
    return float(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Structs, sets and tables with keys of any kind, as lists and scalars."""
    if isinstance(value, dict):
        return [[_plain(key), _plain(part)] for key, part in value.items()]
    if isinstance(value, frozenset | set):
        return sorted(_plain(part) for part in value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Struct):
        return msgspec.to_builtins(value)
    return value


Pack = Callable[[Any], Any]


def _pack_for(name: str) -> Pack:
    scale = _scale(name)
    if scale is None:
        return _plain
    return lambda value: _packed(value, scale)


_PACK_SITE, _PACK_CIRCUIT, _PACK_STATE = (
    tuple(_pack_for(name) for name in names) for names in (COLUMNS.site, COLUMNS.circuit, _STATE)
)
_PACK = {name: _pack_for(name) for name in OF_A_GRANT}


class Tick(NamedTuple):
    """One turn of the law, as it was handed over."""

    snapshot: Snapshot
    decision: Decision


class Packed(NamedTuple):
    """What was told of a thing, and its row: most is the same in the next tick, and not packed again."""

    values: list[Any]
    row: Row


def _row(packs: Sequence[Pack], values: list[Any], before: Packed | None) -> Packed:
    if before is None:
        return Packed(values, tuple([pack(value) for pack, value in zip(packs, values, strict=True)]))
    again = zip(packs, values, *before, strict=True)
    return Packed(values, tuple([old if value == was else pack(value) for pack, value, was, old in again]))


def site_row(tick: Tick, before: Packed | None) -> Packed:
    """What concerns the whole site."""
    values = [getattr(tick.snapshot, name) for name in _SEEN]
    values += [getattr(tick.decision, name) for name in _DECIDED]
    return _row(_PACK_SITE, values, before)


def circuit_row(tick: Tick, circuit_id: str, before: Packed | None) -> Packed:
    """A circuit: what was told of it, and what the law assumed."""
    state = tick.snapshot.circuits.get(circuit_id) or CircuitState(circuit_id=circuit_id)
    ledger = tick.decision.circuits[circuit_id]
    if state.metered_at is not None:
        # As the age of the reading: it stays the same while the meter does, and the time would not.
        state = structs.replace(state, metered_at=tick.snapshot.at - state.metered_at)
    values = [getattr(state, name) for name in _CIRCUIT] + [getattr(ledger, name) for name in _LEDGER]
    return _row(_PACK_CIRCUIT, values, before)


def state_part(state: EvseState) -> Row:
    """An EVSE as the law was told of it."""
    return tuple([pack(getattr(state, name)) for pack, name in zip(_PACK_STATE, _STATE, strict=True)])


def grant_part(
    tick: Tick, key: EvseKey, reasons: int | None, cuts: dict[EvseKey, float], raises: dict[EvseKey, float]
) -> Row:
    """What the law answered for it. `reasons` is the number of the tuple of its reasons in the chain."""
    decision = tick.decision
    grant = decision.grants.get(key)
    values = (
        None if grant is None else grant.limit_a,
        None,
        decision.held_a.get(key),
        decision.cutting.get(key),
        None,
        cuts.get(key),
        raises.get(key),
    )
    row = [_PACK[name](value) for name, value in zip(OF_A_GRANT, values, strict=True)]
    row[1], row[4] = reasons, key in decision.reserved
    return tuple(row)


# ---------------------------------------------------------------- to what it was


class Moment(Struct, frozen=True, kw_only=True):
    """A tick as it was, to the precision that is kept. `cuts` and `raises` of the decision went out then."""

    snapshot: Snapshot
    decision: Decision

    @property
    def epoch_s(self) -> float:
        """When it was."""
        return self.snapshot.epoch_s


class _Read(NamedTuple):
    """The type of a field as it is kept; `table`: a dict, kept as pairs."""

    hint: Any
    table: bool


def _read_types(of: type[Struct]) -> dict[str, _Read]:
    types = {}
    for name, hint in get_type_hints(of).items():
        table = get_origin(hint) is dict
        types[name] = _Read(list[tuple[get_args(hint)]] if table else hint, table)  # type: ignore[misc]
    return types


_KEPT: tuple[type[Struct], ...] = (Snapshot, Decision, EvseState, CircuitState, CircuitLedger)
_TYPES = {of: _read_types(of) for of in _KEPT}


def _restored(of: type[Struct], row: dict[str, Any]) -> dict[str, Any]:
    """The fields of `of` that the row has, as their types want them."""
    restored = {}
    for name, read in _TYPES[of].items():
        if name not in row:
            continue
        scale = _scale(name)
        try:
            value = row[name]
            if scale is not None and read.table:
                value = [[key, _unpacked(part, scale)] for key, part in value]
            elif scale is not None:
                value = _unpacked(value, scale)
            value = msgspec.convert(value, read.hint)
        except ValueError:  # msgspec's own errors among them: the field meant something else then
            continue
        restored[name] = dict(value) if read.table else value
    return restored


def _placed(of: type[Struct], row: dict[str, Any]) -> dict[str, Any]:
    """The fields of `of` that stand in the site's row."""
    return {name: value for name, value in _restored(of, row).items() if name not in PLACED[of]}


Known = dict[EvseKey, tuple[Row, EvseState]]
"""By EVSE: the row of its state, and what it tells."""


def moment_of(
    site: Site,
    at: float,
    epoch_s: float,
    columns: Columns,
    rows: Sequence[Sequence[Any]],
    reasons: Sequence[tuple[Reason, ...]],
    known: Known | None = None,
) -> Moment:
    """What the rows of a tick tell: the site's, its circuits', its EVSEs', each in the order of `site`.

    `known` keeps what was made of rows for the next tick of the chain: few of them change.
    """
    known = {} if known is None else known
    overall = dict(zip(columns.site, rows[0], strict=True))
    circuits: dict[str, CircuitState] = {}
    ledgers: dict[str, CircuitLedger] = {}
    for circuit, row in zip(site.circuits, rows[1:], strict=False):
        named = dict(zip(columns.circuit, row, strict=True)) | {"circuit_id": circuit.circuit_id}
        state = CircuitState(**_restored(CircuitState, named))
        if state.metered_at is not None:
            state = structs.replace(state, metered_at=round(at - state.metered_at, 1))
        circuits[circuit.circuit_id] = state
        ledgers[circuit.circuit_id] = CircuitLedger(**_restored(CircuitLedger, named))
    states: dict[EvseKey, EvseState] = {}
    grants: dict[EvseKey, Grant] = {}
    amperes: dict[str, dict[EvseKey, float]] = {"held_a": {}, "cutting_a": {}, "cut_a": {}, "raise_a": {}}
    reserved: set[EvseKey] = set()
    for evse, row in zip(site.evses, rows[1 + len(site.circuits) :], strict=True):
        named = dict(zip(columns.evse, row, strict=True))
        told = tuple(row[: -len(OF_A_GRANT)])
        if evse.key not in known or known[evse.key][0] != told:
            known[evse.key] = told, EvseState(key=evse.key, **_restored(EvseState, named))
        states[evse.key] = known[evse.key][1]
        why = () if named["reasons"] is None else reasons[named["reasons"]]
        if named["target_a"] is not None:
            grants[evse.key] = Grant(evse.key, _unpacked(named["target_a"], 10.0), why)
        for name, values in amperes.items():
            if named.get(name) is not None:
                values[evse.key] = _unpacked(named[name], 10.0)
        if named["reserved"]:
            reserved.add(evse.key)
    snapshot = Snapshot(
        site=site,
        circuits=circuits,
        evses=states,
        at=at,
        epoch_s=epoch_s,
        **_placed(Snapshot, overall),
    )
    decision = Decision(
        at=at,
        grants=grants,
        cuts=_sent(amperes["cut_a"], grants),
        raises=_sent(amperes["raise_a"], grants),
        held_a=amperes["held_a"],
        cutting=amperes["cutting_a"],
        reserved=frozenset(reserved),
        circuits=ledgers,
        **_placed(Decision, overall),
    )
    return Moment(snapshot=snapshot, decision=decision)


def _sent(limits: dict[EvseKey, float], grants: dict[EvseKey, Grant]) -> tuple[Grant, ...]:
    return tuple(
        Grant(key, limit, grants[key].reasons if key in grants else ()) for key, limit in limits.items()
    )
