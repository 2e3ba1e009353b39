"""Transactions that will never end by themselves, and how each is closed. Pure: plain rows in, closings out.

A station that forgot a transaction never ends it: it lost power, was reset, was taken away, or has a fault.
Such a transaction would hold its token, its EVSE and its share of the site for ever. Whether it is over is
judged by signs, each with its own patience; the first rule that holds decides:

    rule         sign                                                                        patience
    denied       the station was asked and says that it is not going on (2.x)                none
    another      another transaction began on its EVSE after it                              none
    unplugged    the EVSE is told `Available` or `Unavailable` after the last word of it     `plug_s`
    rebooted     the station came back from a boot and tells nothing of it                   `resume_s`
    silent       the station itself was not heard of                                         `silent_s`
    person       somebody says so, by the API (`blocks.oversight.close`)                     none
    eternal      older than `eternal_s`, and no energy flowed for                            `quiet_s`

- What is closed ends at its last word (or at the sign, where that is earlier than now and it still charged):
  nobody saw energy after it. Its energy is the register's advance until then.
- Nothing is final: a closing is a supposition, its reason is the row's stop reason, and all of them are in
  `SUPPOSED`. The station's own end, hours or days later, replaces it (`lifecycle`), and so does a value that
  shows the transaction going on after it.
- A station that can be asked is asked first (`ask`): GetTransactionStatus of 2.x. `ongoing` is its answer
  since the sign appeared; True holds off every rule but `another` and `eternal`.

`blocks.oversight` calls `judge` for the open transactions once a minute, closes what it returns with
`lifecycle.supersede(row, closing.at, closing.reason)`, and sends the questions of `Verdict.ask`. A closing is
not in the journal: nobody told it, and should it be lost it is found again. `another` is also found at once
by the block of transactions when the other one begins; here it catches what was missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

Rule = Literal["person", "denied", "another", "unplugged", "rebooted", "silent", "eternal"]

REASONS: Mapping[Rule, str] = {
    "person": "NotReportedClosed",
    "denied": "NotReported",
    "another": "NotReported",
    "unplugged": "NotReportedUnplugged",
    "rebooted": "NotReportedReboot",
    "silent": "NotReportedSilent",
    "eternal": "NotReportedEternal",
}
"""The stop reason of a row that a rule closed: none of them is a word of OCPP."""

SUPPOSED = frozenset(REASONS.values())
"""Stop reasons that yield to the station's own end."""


class ClosingRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patience in seconds (see the table).

    `plug_s` lets an end that is queued behind the status arrive. `resume_s` must be longer than the interval
    at which stations tell values (mostly 15 min at most). `silent_s` is longer than a weekend without
    network; `eternal_s` longer than a car stands at an airport.
    """

    plug_s: float = 300.0
    resume_s: float = 1_800.0
    silent_s: float = 96 * 3_600.0
    eternal_s: float = 30 * 86_400.0
    quiet_s: float = 86_400.0


class OpenTransaction(Struct, frozen=True, kw_only=True):
    """What counts of an open transaction. Times in epoch seconds, corrected.

    `told_at` is the time of its newest message and `heard_at` when that came (a replay is old but was just
    heard). `energy_at` is when it was last heard that its register advanced or power flowed. `ongoing` is
    the station's answer to the question whether it goes on, `answered_at` when it came or the question failed
    (`ongoing` None then: the sign decides).
    """

    transaction_id: str
    station_id: str
    evse_id: int
    started_at: float
    told_at: float
    heard_at: float
    energy_at: float
    ongoing: bool | None = None
    answered_at: float | None = None


class StationSigns(Struct, frozen=True, kw_only=True):
    """What counts of a station. Times in epoch seconds of our clock.

    `booted_at` is its last boot of which the reason says that everything stopped (any but `Triggered`, and
    not a reboot while connected that kept its transactions); None before the first. `statuses` holds the
    newest word on each EVSE (0: the station) and when it came. `can_be_asked`: it is online and knows
    GetTransactionStatus.
    """

    station_id: str
    online: bool
    seen_at: float
    booted_at: float | None = None
    statuses: Mapping[int, tuple[str, float]] = {}
    can_be_asked: bool = False


class Closing(Struct, frozen=True, kw_only=True):
    """Close `transaction_id` as of `at` with the stop reason `reason`; `why` is for people."""

    transaction_id: str
    station_id: str
    rule: Rule
    at: float
    why: str

    @property
    def reason(self) -> str:
        return REASONS[self.rule]


class Verdict(Struct, frozen=True):
    """What to do now: transactions to close, and those of which the station must be asked first."""

    close: tuple[Closing, ...] = ()
    ask: tuple[str, ...] = ()


_OVER = ("Available", "Unavailable")
_GOING_ON = ("Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")


def judge(
    open_transactions: Iterable[OpenTransaction],
    stations: Mapping[str, StationSigns],
    now: float,
    rules: ClosingRules | None = None,
) -> Verdict:
    """Which of the open transactions are over, and which must be asked for. `now` is epoch seconds.

    A transaction of a station that is not in `stations` is left alone, apart from `eternal`.
    """
    rules = rules or ClosingRules()
    rows = list(open_transactions)
    newest: dict[tuple[str, int], float] = {}
    for row in rows:
        if row.evse_id:
            key = (row.station_id, row.evse_id)
            newest[key] = max(newest.get(key, row.started_at), row.started_at)
    close: list[Closing] = []
    ask: list[str] = []
    for row in rows:
        signs = stations.get(row.station_id)
        found = _rule(row, signs, newest.get((row.station_id, row.evse_id)), now, rules)
        if found is None:
            continue
        rule, at, why = found
        if rule in ("unplugged", "rebooted") and signs is not None and signs.can_be_asked and not _asked(row):
            ask.append(row.transaction_id)
            continue
        close.append(
            Closing(
                transaction_id=row.transaction_id,
                station_id=row.station_id,
                rule=rule,
                at=max(min(at, now), row.started_at),
                why=why,
            )
        )
    return Verdict(tuple(close), tuple(ask))


_Found = tuple[Rule, float, str]


def _rule(
    row: OpenTransaction, signs: StationSigns | None, newest: float | None, now: float, rules: ClosingRules
) -> _Found | None:
    answered = row.answered_at is not None and row.answered_at >= row.heard_at
    if answered and row.ongoing is False:
        return "denied", row.told_at, "the station says that the transaction is not going on"
    if newest is not None and newest > row.started_at:
        return "another", newest, f"EVSE {row.evse_id} began another transaction"
    if signs is not None and not (answered and row.ongoing):
        found = _unplugged(row, signs, now, rules) or _rebooted(row, signs, now, rules)
        if found is not None:
            return found
        if not signs.online and now - max(signs.seen_at, row.heard_at) >= rules.silent_s:
            hours = (now - max(signs.seen_at, row.heard_at)) / 3_600
            return "silent", row.told_at, f"the station was not heard of for {hours:.0f} h"
    if now - row.started_at >= rules.eternal_s and now - row.energy_at >= rules.quiet_s:
        days = (now - row.started_at) / 86_400
        return "eternal", row.told_at, f"it began {days:.0f} days ago and no energy flows"
    return None


def _unplugged(row: OpenTransaction, signs: StationSigns, now: float, rules: ClosingRules) -> _Found | None:
    """The EVSE's own word counts, and the whole station's `Unavailable`."""
    for evse_id in (row.evse_id, 0):
        status, at = signs.statuses.get(evse_id, ("", 0.0))
        over = status in _OVER if evse_id else status == "Unavailable"
        if over and at > row.heard_at and now - at >= rules.plug_s:
            place = f"EVSE {evse_id}" if evse_id else "the station"
            return "unplugged", min(row.told_at, at), f"{place} is {status} and no end was told"
    return None


def _rebooted(row: OpenTransaction, signs: StationSigns, now: float, rules: ClosingRules) -> _Found | None:
    """A boot after which nothing of the transaction came, though the station was there all the time."""
    booted = signs.booted_at
    if booted is None or not signs.online or row.heard_at >= booted or now - booted < rules.resume_s:
        return None
    status, at = signs.statuses.get(row.evse_id, ("", 0.0))
    if status in _GOING_ON and at >= booted:
        return None  # 1.6 says with the connector that it charges on
    minutes = (now - booted) / 60
    return "rebooted", row.told_at, f"the station booted {minutes:.0f} min ago and tells nothing of it since"


def _asked(row: OpenTransaction) -> bool:
    """Whether the station was asked since the transaction's last word (`ongoing` None: it had no answer)."""
    return row.answered_at is not None and row.answered_at >= row.heard_at
