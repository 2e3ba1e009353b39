"""The command line. Rooms are imported by the command that needs them, so that `ampacity --help` answers at
once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import MAX_SPEED

if TYPE_CHECKING:
    from ..settings import NodeSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 good, 1 the work found a fault, 2 it can't be done as asked."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    if getattr(options, "database", None):
        _warn_of_password(options.database)
    level = logging.DEBUG if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return int(options.run(options))


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options; the reference in docs/ is made from it."""
    parser = argparse.ArgumentParser(
        prog="ampacity",
        description="Charging of electric vehicles, from the breaker to the browser.",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens, for finding faults")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _demo(commands.add_parser("demo", help="a node and a simulated site together: look around, or test"))
    _serve(commands.add_parser("serve", help="run a node for real stations"))
    _site(commands.add_parser("site", help="enter a site from a TOML file"))
    _why(commands.add_parser("why", help="explain what an EVSE had at some second, and why not more"))
    _assess(commands.add_parser("assess", help="assess a site before it uses all of its headroom"))
    _probe(commands.add_parser("probe", help="find out what a station's firmware does with limits"))
    _link(commands.add_parser("link", help="make a one-time sign-in link"))
    _backup(commands.add_parser("backup", help="copy the database while the node runs"))
    _restore(commands.add_parser("restore", help="put a backup in the place of the database"))
    _rebuild(commands.add_parser("rebuild", help="derive samples and rollups anew from the journal"))
    _simulate(commands.add_parser("simulate", help="run a scenario under several strategies, and compare"))
    _fit(commands.add_parser("fit", help="learn a site's arrivals from its session files"))
    _bench(commands.add_parser("bench", help="measure what we claim"))
    _check_law(commands.add_parser("check-law", help="prove the lease protocol in small worlds"))
    return parser


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="for_s", type=positive, metavar="SECONDS", help="end after so much real time"
    )
    parser.add_argument("--site-hours", type=positive, metavar="H", help="end after so much time at the site")
    parser.add_argument(
        "--speed",
        type=float,
        default=20.0,
        metavar="X",
        help=f"site seconds a second, up to {MAX_SPEED:g} (20)",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same day (1)")
    parser.add_argument("--evses", type=int, default=24, metavar="N", help="EVSEs of the workplace (24)")
    parser.add_argument(
        "--sessions", type=Path, metavar="FILE", help="replay real sessions (docs/session-files.md)"
    )
    parser.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="which day of them")
    parser.add_argument(
        "--strategy", choices=("dynamic", "static", "uncontrolled"), default="dynamic", help="(dynamic)"
    )
    parser.add_argument(
        "--limit", dest="limit_a", type=positive, metavar="A", help="amperes a phase of the grid"
    )
    parser.add_argument(
        "--unruly", type=int, default=0, metavar="N", help="so many stations ignore limits (0)"
    )
    parser.add_argument("--http-port", type=int, default=8080, metavar="PORT", help="console and API (8080)")
    parser.add_argument("--ocpp-port", type=int, default=9310, metavar="PORT", help="stations (9310)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the data there (default: thrown away)")
    _database(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.set_defaults(run=run_demo)


def run_demo(options: argparse.Namespace) -> int:
    """`ampacity demo`."""
    from ..demo.run import DemoOptions, main

    names = DemoOptions.__struct_fields__
    return main(DemoOptions(**{name: getattr(options, name) for name in names}))


def _serve(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.set_defaults(run=run_serve)


def _settings_of(options: argparse.Namespace) -> Callable[[], NodeSettings]:
    from ..settings import load_settings

    return lambda: load_settings(options.config, os.environ, options.database)


def run_serve(options: argparse.Namespace) -> int:
    """`ampacity serve`."""
    from .serve import serve

    return serve(_settings_of(options))


def _site(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("file", type=Path, help="the site: name, circuits, EVSEs (docs/sites.md)")
    parser.set_defaults(run=run_site)


def run_site(options: argparse.Namespace) -> int:
    """`ampacity site FILE`."""
    from .offline import enter_site

    return enter_site(_settings_of(options), options.file)


def _why(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("evse", help="its label, STATION/EVSE, or a station that has one EVSE")
    parser.add_argument(
        "time", nargs="?", default="now", help="07:41:12 or a whole date, in the site's time zone (now)"
    )
    parser.add_argument("--site", metavar="ID", help="where labels are the same at several sites")
    parser.add_argument("--json", dest="as_json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run_why)


def run_why(options: argparse.Namespace) -> int:
    """`ampacity why EVSE TIME`."""
    from .why import why

    return why(_settings_of(options), options.evse, options.time, options.site, options.as_json)


def _assess(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("site", help="its id")
    parser.add_argument(
        "--step",
        dest="steps",
        action="append",
        default=[],
        metavar="NAME",
        help="only tree, load, offline_sum, phases, probes or cable_pull (again, if need be)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="and there, for the installation's file")
    parser.set_defaults(run=run_assess)


def run_assess(options: argparse.Namespace) -> int:
    """`ampacity assess SITE`."""
    from rich.console import Console

    from .prove import assess

    return assess(options.node, options.site, options.steps, options.json, options.pdf, Console())


def _probe(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("station", help="its id")
    parser.add_argument("--site", metavar="ID", help="where several sites have it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there")
    parser.set_defaults(run=run_probe)


def run_probe(options: argparse.Namespace) -> int:
    """`ampacity probe STATION`."""
    from rich.console import Console

    from .prove import probe

    return probe(options.node, options.station, options.site, options.json, Console())


def _node(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--node",
        metavar="URL",
        help="the node that runs (AMPACITY_NODE, else http://127.0.0.1:8080); its API key: AMPACITY_KEY",
    )


def _link(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("user", nargs="?", default="owner", help="whom it signs in (owner)")
    parser.add_argument("--role", choices=("owner", "operator", "viewer"), help="and as what, from now on")
    parser.set_defaults(run=run_link)


def run_link(options: argparse.Namespace) -> int:
    """`ampacity link`."""
    from .offline import make_link

    return make_link(_settings_of(options), options.user, options.role)


def _backup(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("target", type=Path, help="the copy: a new file")
    parser.set_defaults(run=run_backup)


def run_backup(options: argparse.Namespace) -> int:
    """`ampacity backup TARGET`."""
    from .offline import back_up

    return back_up(_settings_of(options), options.target)


def _restore(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("saved", type=Path, help="a file that backup wrote, from either kind of database")
    parser.set_defaults(run=run_restore)


def run_restore(options: argparse.Namespace) -> int:
    """`ampacity restore SAVED`."""
    from .offline import bring_back

    return bring_back(_settings_of(options), options.saved)


def _rebuild(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.set_defaults(run=run_rebuild)


def run_rebuild(options: argparse.Namespace) -> int:
    """`ampacity rebuild`."""
    from .offline import rebuild_samples

    return rebuild_samples(_settings_of(options))


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario",
        nargs="?",
        help="a file (docs/scenarios.md), the name of one that comes with it, or a case of the control law "
        "(CASE.json, docs/cases.md)",
    )
    parser.add_argument("--list", action="store_true", help="show the scenarios that come with it")
    parser.add_argument(
        "--strategies", type=names, metavar="A,B", help="compare these (docs/strategies.md), not the file's"
    )
    parser.add_argument("--baseline", metavar="A", help="which of them differences are given against")
    parser.add_argument("--seeds", type=at_least_one, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--jobs", type=at_least_one, default=1, metavar="N", help="processes (1)")
    parser.add_argument("--days", type=positive, metavar="D", help="how long, instead of the file's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report with pictures there")
    parser.add_argument(
        "--every", action="store_true", help="show each second of a case (CASE.json), not only changes"
    )
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on the Ray cluster there (host:port)")
    parser.set_defaults(run=run_simulate)


def run_simulate(options: argparse.Namespace) -> int:
    """`ampacity simulate SCENARIO`."""
    from .simulate import simulate

    return simulate(options)


def _fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sessions",
        nargs="+",
        type=Path,
        help="the site's history: plain, ACN or OCPI (docs/session-files.md)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the model there, as TOML")
    parser.add_argument("--name", help="the model's name (default: that of the first file)")
    parser.add_argument(
        "--timezone", metavar="ZONE", help="where the site stands (default: the files' offsets)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same model (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the goodness there")
    parser.set_defaults(run=run_fit)


def run_fit(options: argparse.Namespace) -> int:
    """`ampacity fit SESSIONS...`."""
    from .fit import fit_sessions

    return fit_sessions(
        options.sessions,
        output=options.output,
        figures=options.json,
        timezone=options.timezone,
        name=options.name,
        seed=options.seed,
    )


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="which one: allocation, control, durability, fuzz, gateway, simulation")
    parser.add_argument("--quick", action="store_true", help="end within 50 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="how many messages (fuzz), losses of power (durability), sites (control)",
    )
    parser.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="how much CPU time (fuzz), how much of a busy day (control)",
    )
    parser.add_argument("--sessions", type=Path, metavar="FILE", help="recorded sessions (simulation)")
    parser.add_argument(
        "--part", metavar="PART", help="only this part: voltage (strategies), loop or fleet (control)"
    )
    parser.add_argument(
        "--jobs", type=at_least_one, metavar="N", help="processes (control: one for each core)"
    )
    parser.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    """`ampacity bench NAME`."""
    from ..bench import main
    from ..bench.report import BenchFailed

    try:
        main(
            options.name,
            options.quick,
            options.json,
            count=options.count,
            minutes=options.minutes,
            sessions=options.sessions,
            part=options.part,
            jobs=options.jobs,
        )
    except BenchFailed as problem:
        print(f"ampacity bench: {problem}", file=sys.stderr)
        return 2
    return 0


def _check_law(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="the smallest worlds only")
    parser.add_argument(
        "--minutes", type=positive, default=10.0, metavar="M", help="for each world at most (10)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the way to a fault is written")
    parser.set_defaults(run=run_check_law)


def run_check_law(options: argparse.Namespace) -> int:
    """`ampacity check-law`."""
    from .check_law import check_law

    return check_law(options.quick, options.minutes, options.output)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (docs/settings.md)")
    _database(parser)


def _database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        metavar="URL",
        help="where rows are kept: postgresql://user@host/name or a SQLite file "
        "(password: AMPACITY_DATABASE, PGPASSWORD or a passfile)",
    )


def _warn_of_password(url: str) -> None:
    from ..store.errors import without_password

    if without_password(url) != url:
        print(
            "ampacity: each user of this machine can see the password in --database: give the address in "
            "AMPACITY_DATABASE instead, or the password in PGPASSWORD or a passfile",
            file=sys.stderr,
        )


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def at_least_one(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def names(text: str) -> list[str]:
    """Names with commas between."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("name one at least")
    return found


if __name__ == "__main__":
    sys.exit(main())
