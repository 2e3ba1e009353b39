"""`ampacity why`: explains a second of the past, from the decision log in the store."""

from __future__ import annotations

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from ..model.why import Why
from ..settings import NodeSettings
from ..site.decisions.chain import ChainBroken
from ..site.decisions.reading import Logged, NothingKept
from ..site.decisions.times import read_time
from ..site.decisions.why import UnknownEvse, explain, find_evse
from ..store import Store, decisions
from ..store.operators import list_operators
from .offline import SettingsOf, with_store


def why(settings_of: SettingsOf, evse: str, at: str, site_id: str | None, as_json: bool) -> int:
    """Print why an EVSE had what it had."""

    async def work(settings: NodeSettings, store: Store) -> int:
        operator_id = settings.csms.operator_id
        try:
            told = await store.read(lambda connection: _explained(connection, operator_id, evse, at, site_id))
        except (NothingKept, UnknownEvse, ChainBroken) as problem:
            print(f"ampacity why: {problem}", file=sys.stderr)
            return 2
        if as_json:
            print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        else:
            show(told, Console())
        return 0

    return with_store(settings_of, "why", work)


def _explained(connection: Connection, operator_id: str, evse: str, at: str, site_id: str | None) -> Why:
    known = [(operator_id, site) for site in decisions.sites(connection, operator_id)]
    if not known:  # the settings at hand are not those that the node ran with
        known = [
            (row.operator_id, site)
            for row in list_operators(connection)
            for site in decisions.sites(connection, row.operator_id)
        ]
    if not known:
        raise NothingKept("no site has decided anything yet: the log is written while a node serves")
    wanted = [pair for pair in known if site_id in (None, pair[1])]
    if not wanted:
        raise NothingKept(f"nothing is kept of site {site_id!r}: known are {', '.join(s for _, s in known)}")
    problem: UnknownEvse | None = None
    for pair in wanted:
        logged = Logged(connection, *pair)
        site = logged.site()
        try:
            find_evse(site, evse)
        except UnknownEvse as unknown:
            problem = problem or unknown
            continue
        return explain(logged, evse, read_time(at, site.time_zone, logged.span()[1]))
    assert problem is not None
    raise problem


def show(told: Why, console: Console) -> None:
    """In words, the answer first."""
    zone = ZoneInfo(told.time_zone)

    def clock(at: datetime) -> str:
        return at.astimezone(zone).strftime("%H:%M:%S")

    day = told.at.astimezone(zone)
    console.print(
        f"[dim]{day:%Y-%m-%d}[/] {day:%H:%M:%S %Z}  [bold]{told.label}[/] {told.words}.",
        highlight=False,
        soft_wrap=True,
    )
    if told.drawn_a is not None:
        console.print(f"It drew {told.drawn_a:.1f} A.", highlight=False, soft_wrap=True)
    more = dict.fromkeys(bound.more for bound in told.bounds if bound.more is not None)
    if len(told.bounds) > 1:
        console.print("\n[bold]What held it[/]")
        for bound in told.bounds:
            console.print(f"  {bound.words}", highlight=False, soft_wrap=True)
    if more:
        console.print("\n[bold]What would have given more[/]")
        for text in more:
            console.print(f"  {text}", highlight=False, soft_wrap=True)
    if told.changes:
        console.print("\n[bold]Last changes[/]")
    for change in told.changes:
        verb = "cut" if change.kind == "cut" else "raised"
        line = f"  {clock(change.at)} {verb} from {change.from_a:g} A to {change.to_a:g} A: {change.cause}"
        if change.answered_at is not None:
            line += f"; accepted at {clock(change.answered_at)}"
        elif change.answer != "unknown":
            line += f"; {change.answer}"
        console.print(line, highlight=False, soft_wrap=True)
    _show_shares(told, console)
    console.print("\n[bold]What was known[/]")
    for known in told.inputs:
        mark = "[red]![/] " if known.trouble else "  "
        console.print(
            f"  {mark}{known.what.replace('_', ' '):<11} {known.words}", highlight=False, soft_wrap=True
        )
    if told.actions:
        console.print(f"\nSent in this tick: {', '.join(told.actions)}", highlight=False, soft_wrap=True)


def _show_shares(told: Why, console: Console) -> None:
    if not told.shares:
        return
    bound = told.bounds[0]
    table = Table(title=f"Who had what of {bound.circuit} L{bound.phase}", title_justify="left", box=None)
    table.add_column("EVSE")
    table.add_column("counted", justify="right")
    table.add_column("drew", justify="right")
    table.add_column("class", justify="right")
    table.add_column("")
    for share in told.shares:
        drew = "" if share.drawn_a is None else f"{share.drawn_a:.1f} A"
        note = "set aside" if share.reserved else ""
        table.add_row(share.label, f"{share.amperes:.1f} A", drew, str(share.priority), note)
    console.print()
    console.print(table)
