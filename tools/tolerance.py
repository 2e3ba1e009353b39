"""Writes docs/tolerance.md: what Ampacity accepts of a message that breaks its schema, from the tables that
the code itself reads (`ampacity.ocpp.tolerances` and `ampacity.ocpp.quirks`).
"""

from __future__ import annotations

from collections.abc import Iterable

HEAD = """# What we accept

Made from the program by `./dev docs`. We send only what OCA's schemas allow; each message of ours is checked
before it leaves. What a station sends is checked by the same schemas, and a valid message goes its way at
once. One that breaks its schema is repaired where that loses little, and accepted; the message is kept as it
came, and repairs are counted by station and kind (`GET /api/v1/repairs`). What can't be repaired is answered
with the CALLERROR that the standard names, and kept for a person to see (`GET /api/v1/quarantine`).

## In every message

| what a station sends | how it is read |
|---|---|
| a member that the schema doesn't have | left out (customData of 2.x is kept) |
| null | the member is absent |
| an empty list where the member may be absent | absent |
| `1.0` or `"1"` for a whole number, `"1.5"` or `"1,5"` for a number | the number (`1,234` is none) |
| a number or boolean for a text | its text |
| `0`, `1`, `"true"`, `"false"` for a boolean | the boolean |
| a word in another case, or with other spaces and marks (`Suspended_EV`) | the schema's word |
| one object where a list of them belongs | a list of one |
| a time with a comma, without seconds, with an offset of hours, as epoch seconds or milliseconds | the time |
| a time without a zone | UTC |
| a day beyond its month | counted on: 29 February 2022 is 1 March |
| an object as `data` of a DataTransfer of 1.6 | its JSON text |
| no payload, or an empty list for one | an empty object |
| control characters in a text, NaN, a member without its value | read as JSON all the same |
"""


TRANSACTIONS = """## Meters, clocks and transactions

| what a station does | what becomes of it |
|---|---|
| a value with a unit of another dimension, or a number that no meter shows | left out alone |
| an active power told in VA or var | named for what it is, never counted as W |
| a register below the transaction's first one | passed over: meters don't run back |
| a clock that is wrong by more than {jump_s} s | learnt from its live messages; times are corrected, \
and by how much is shown (`clock_correction_s`) |
| a time of the future, or older than {old_d} days | the time of receipt |
| the same message again, whenever | answered as the first time, counted once |
| messages late and in any order | each taken for what it is; the row is the same |
| an end of a transaction that nobody knows | kept as an ended transaction |
| numbered messages (2.x) that are missing | shown; after {patience_s} s the station is asked; given up \
after {give_up_h} h or when it has no more (`incomplete`) |
| another transaction begins on the EVSE | the older one is closed: `NotReported` |
| the EVSE is free, for {plug_min} min after the last word of its transaction | the station is asked if \
it can be, then closed: `NotReportedUnplugged` |
| a boot, and nothing of the transaction for {resume_min} min | as above: `NotReportedReboot` |
| not heard of for {silent_h} h | closed: `NotReportedSilent` |
| older than {eternal_d} days and no energy for {quiet_h} h | closed: `NotReportedEternal` |

What we close stays a supposition: the station's own end replaces it whenever it comes, and a value of \
now opens
the transaction again. Each closing and each correction is in the audit. All times are settings \
(`[csms]`)."""


def page() -> str:
    """The text of docs/tolerance.md."""
    from ampacity.bench.fuzz.verdicts import DIFFERENCES
    from ampacity.csms.closing import ClosingRules
    from ampacity.csms.gaps import GapRules
    from ampacity.csms.skew import SkewRules
    from ampacity.ocpp import tolerances as t
    from ampacity.ocpp.quirks import QUIRKS
    from ampacity.ocpp.wear import PERSISTED_PER_H, WEAR

    closing, gaps, skew = ClosingRules(), GapRules(), SkewRules()
    out = [
        HEAD,
        "## In messages that must not be lost",
        "",
        f"In {listed(t.LOSSY_REQUESTS)}, and in the answers to {listed(t.LOSSY_RESPONSES)},",
        "a broken optional member is left out alone, and so is a broken item of these lists:",
        f"{listed(t.LOSSY_LISTS)}. Everything else (profiles, schedules, certificates, needs of a car) is",
        "taken whole or refused whole.",
        "",
        "Some members are not left out alone, because their absence says something else (no measurand means",
        f"the energy register): {listed(t.DECISIVE)}. When one is broken, what holds it goes.",
        "",
        "| member | when it is broken |",
        "|---|---|",
        *(f"| `{name}` missing | {value!r} |" for name, value in sorted(t.WHEN_MISSING.items())),
        *(f"| `{name}` not understood | {value!r} |" for name, value in sorted(t.WHEN_UNKNOWN.items())),
        *(
            f"| {listed(name for name, most in t.KEPT_LONG.items() if most == longest)} too long "
            f"| kept up to {longest:,} characters |"
            for longest in sorted(set(t.KEPT_LONG.values()))
        ),
        f"| {listed(t.INFORMATIVE)} too long | cut |",
        *(f"| `{name}` with decimals | the nearest whole number |" for name in sorted(t.WHOLE_WH)),
        *(f"| `{name}` with no good item | empty |" for name in sorted(t.MAY_BE_EMPTY)),
        "",
        *TRANSACTIONS.format(
            jump_s=f"{skew.tolerance_s:.0f}",
            old_d=f"{skew.max_late_s / 86_400:.0f}",
            plug_min=f"{closing.plug_s / 60:.0f}",
            resume_min=f"{closing.resume_s / 60:.0f}",
            silent_h=f"{closing.silent_s / 3_600:.0f}",
            eternal_d=f"{closing.eternal_s / 86_400:.0f}",
            quiet_h=f"{closing.quiet_s / 3_600:.0f}",
            patience_s=f"{gaps.patience_s:.0f}",
            give_up_h=f"{gaps.give_up_s / 3_600:.0f}",
        ).splitlines(),
        "",
        "## Where the strict check differs from the schemas",
        "",
        "Thousands of messages of every schema are judged by our check and by an independent validator, in",
        "each run of the tests. Verdicts are equal but for these:",
        "",
        "| in a message | the check | because |",
        "|---|---|---|",
        *(
            f"| {name} | {'accepts' if difference.we_accept else 'refuses'} | {difference.reason} |"
            for name, difference in DIFFERENCES.items()
        ),
        "",
        "## Stations",
        "",
        "What stations were reported to do. The reading is the same for every station, whatever its make:",
        "firmware is sold under many names.",
        "",
        "| station | OCPP | does | is read as | reported |",
        "|---|---|---|---|---|",
    ]
    for quirk in QUIRKS:
        cells = (
            ", ".join(quirk.makes) or "several",
            ", ".join(quirk.versions),
            quirk.does,
            quirk.reading,
            ", ".join(quirk.sources),
        )
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    out += [
        "",
        "## What their memory stands",
        "",
        "Stations keep charging profiles in flash. So many writes an hour are spent on raising at most",
        f"(renewals of leases apart): {PERSISTED_PER_H} for a station that keeps every profile (1.6 errata",
        "3.37, 2.0.1 K01.FR.27), no limit for one of 2.1, which says itself when it is written too",
        "often, and for these:",
        "",
        "| maker | model | firmware | writes an hour | because | reported |",
        "|---|---|---|---|---|---|",
    ]
    for row in WEAR:
        many = "any" if row.per_hour is None else str(row.per_hour)
        cells = (row.vendor, row.model, row.firmware, many, row.why, ", ".join(row.sources))
        out.append("| " + " | ".join(f"`{cell}`" if k < 3 else cell for k, cell in enumerate(cells)) + " |")
    return "\n".join([*out, ""])


def listed(names: Iterable[str]) -> str:
    """Names in order, as code."""
    return ", ".join(f"`{name}`" for name in sorted(names))
