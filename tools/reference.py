"""Writes what docs/ says of the code from the code: commands, settings, and the figures of the README.

`tools/docs.py` calls it; `pages()` gives path and text of each generated page, so that a check can compare.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tools import claims, conformance, tolerance

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
START, END = "<!-- figures: made by tools/docs.py from docs/figures/*.json -->", "<!-- end of figures -->"

ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "gateway",
        "ratio_to_ocpp_websockets",
        "messages per CPU second against `ocpp` + `websockets`",
        "{:.1f} times",
    ),
    ("gateway", "messages_per_cpu_s", "messages per CPU second, durable answers, TLS, validation", "{:,.0f}"),
    ("gateway", "answer_p99_ms_at_500", "99th percentile of a durable answer at 500 calls/s", "{:.0f} ms"),
    ("gateway", "stations_p99_ms", "the same with 10,000 stations that send values each 10 s", "{:.0f} ms"),
    ("gateway", "answer_p99_ms", "the same at 5,000 calls/s", "{:,.0f} ms"),
    ("gateway", "bytes_per_connection", "memory a connection, with TLS", "{:,.0f} bytes"),
    ("gateway", "reconnects_per_s", "reconnects per CPU second, full TLS handshakes", "{:,.0f}"),
    ("allocation", "ms_100", "sharing among 100 EVSEs in a three-level tree", "{:.2f} ms"),
    ("allocation", "ms_1000", "the same, 1,000 EVSEs", "{:.2f} ms"),
    ("allocation", "ms_10000", "the same, 10,000 EVSEs", "{:.1f} ms"),
    ("reaction", "first_p99_ms_1000", "meter's sample to a cut at 1,000 EVSEs, 99th percentile", "{:.0f} ms"),
    ("reaction", "below_p99_ms_1000", "until all limits fit under the rating again, the same", "{:.0f} ms"),
    ("day", "cars_short", "cars short at departure after a day of 40 stations with faults", "{:.0f}"),
    ("day", "longest_over_105_s", "the longest above 105 % of a limit in that day", "{:.0f} s"),
    ("simulation", "ratio_acn_llf", "a month of 54 EVSEs, 829 sessions, against ACN-Sim", "{:,.0f} times"),
    ("simulation", "acn_energy_difference_pct", "delivered energy, difference to ACN-Sim's", "{:.4f} %"),
    ("simulation", "ratio_ev2gym", "a day of 50 chargers against EV2Gym", "{:,.0f} times"),
    ("simulation", "batched_steps_per_s", "steps a second of small sites, one core", "{:,.0f}"),
    ("agreement", "energy_difference_pct", "energy, batch world to live world, same law", "{:.2f} %"),
    ("agreement", "peak_difference_pct", "a phase's peak, the same", "{:.2f} %"),
    (
        "strategies",
        "cost_saving_pct",
        "month's cost, least laxity under a tuned cap against full rate from the plug on",
        "-{:.0f} %",
    ),
    ("strategies", "gap_closed_pct", "of what the offline optimum saves", "{:.0f} %"),
    (
        "control",
        "seconds_over_limit_per_h",
        "the control law in a closed loop: seconds an hour above the limit",
        "{:.0f} s",
    ),
    ("control", "utilisation", "the same: used of the limit on average", "{:.2f}"),
    ("control", "writes_per_charger_h", "limits written a charger and hour, renewals apart", "{:.0f}"),
    ("control", "fleet_site_hours", "random sites with slow meters and bad lines, hours run", "{:,.0f}"),
    ("control", "fleet_breaker_trips", "breakers tripped in them", "{:.0f}"),
    ("control", "fleet_seconds_over_limit_per_h", "seconds an hour above any limit in them", "{:.1f} s"),
    (
        "strategies",
        "delivered_gain_pct",
        "energy delivered behind 150 kW, shared against fixed shares",
        "+{:.0f} %",
    ),
    (
        "strategies",
        "wait_change_pct_at_7_per_h",
        "wait at a hub of 8 places, 7 cars an hour, shared against fixed shares",
        "{:.0f} %",
    ),
    ("replay", "peak_percent", "highest phase in two hours of 54 live stations, of its limit", "{:.1f} %"),
    ("replay", "over_100_s", "seconds above the limit in them", "{:.1f} s"),
    ("replay", "utilisation_percent", "fullest phase while cars want more", "{:.1f} %"),
    ("replay", "limits_per_car_hour", "limits written a charging car and hour, renewals apart", "{:.0f}"),
    ("replay", "acknowledged", "transaction messages acknowledged in them", "{:,.0f}"),
    ("replay", "lost", "of these lost", "{:,.0f}"),
)
"""Bench, key, what it is, how it is written. A bench without a file in docs/figures is left out."""


def figures_table() -> str:
    """The README's table."""
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(FIGURES.glob("*.json")):
        told = json.loads(path.read_text())
        known[path.stem] = told.get("figures", told)
    lines = ["| what | figure | measured by |", "|---|---|---|"]
    for bench, key, what, form in ROWS:
        if key in known.get(bench, {}):
            command = "./dev demo --sessions ..." if bench == "replay" else f"./dev bench {bench}"
            lines.append(f"| {what} | {form.format(known[bench][key])} | `{command}` |")
    return "\n".join(lines)


def readme() -> str:
    """README.md with the figures as they are."""
    text = (ROOT / "README.md").read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{figures_table()}\n\n{END}{after}"


def commands() -> str:
    """docs/commands.md: every command and option, as `--help` tells them."""
    from ampacity.cli.main import build_parser

    parser = build_parser()
    out = ["# Commands", "", "Made from the program by `./dev docs`. In a checkout: `./dev demo`, or"]
    out += ["`.venv/bin/ampacity COMMAND`.", ""]
    for name, helps, sub in subcommands(parser):
        out += [f"## ampacity {name}", "", f"{helps[0].upper()}{helps[1:]}.", ""]
        rows = [action for action in sub._actions if action.dest != "help"]
        if rows:
            out += ["| option | meaning |", "|---|---|"]
        for action in rows:
            shown = ", ".join(action.option_strings) or action.dest
            if action.nargs != 0 and action.option_strings:
                metavar = action.metavar or (
                    "|".join(action.choices) if action.choices else action.dest.upper()
                )
                shown += f" {metavar}"
            escaped = shown.replace("|", "\\|")
            out.append(f"| `{escaped}` | {action.help or ''} |")
        out.append("")
    return "\n".join(out)


def subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                yield name, helps[name], sub


def settings() -> str:
    """docs/settings.md: every setting of a node with its default, from the settings' own types."""
    from ampacity.settings import NodeSettings

    out = [
        "# Settings",
        "",
        "Made from the program by `./dev docs`. A node reads one TOML file (`--config FILE`) and the",
        "environment over it: `AMPACITY_GATEWAY__OCPP_PORT=9000` sets `ocpp_port` of `[gateway]`.",
        "",
        "| setting | default |",
        "|---|---|",
    ]
    rooms = []
    for field in msgspec.structs.fields(NodeSettings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            rooms.append((field.name, field.type))
        else:
            out.append(f"| `{field.name}` | `{json.dumps(field.default)}` |")
    for name, kind in rooms:
        described = re.sub(r"`(\w+)`", r"`\1`", " ".join((kind.__doc__ or "").split()))
        out += ["", f"## `[{name}]`", "", described, "", "| setting | default |", "|---|---|"]
        for inner in msgspec.structs.fields(kind):
            default = inner.default
            shown = "" if default is msgspec.NODEFAULT else json.dumps(msgspec.to_builtins(default))
            out.append(f"| `{inner.name}` | `{shown}` |")
    return "\n".join([*out, ""])


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    return {
        ROOT / "README.md": readme(),
        ROOT / "docs" / "commands.md": commands(),
        ROOT / "docs" / "settings.md": settings(),
        ROOT / "docs" / "tolerance.md": tolerance.page(),
        ROOT / "docs" / "claims.md": claims.page(),
        ROOT / "docs" / "conformance.md": conformance.page(),
    }
