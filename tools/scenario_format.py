"""Writes docs/scenarios.md: the scenario format as its types have it, and the gallery.

`tools/docs.py` calls it, so that a check can compare.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import date
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from ampacity.simulation.scenarios import spec
from ampacity.simulation.scenarios.feeding import StreetMetrics
from ampacity.simulation.scenarios.reading import gallery, load
from ampacity.simulation.scenarios.warming import TransformerMetrics

HEAD = """# Scenarios

A scenario file says what is simulated: when, on which wires, with which EVSEs, cars, weather and prices,
and which strategies are compared. `ampacity simulate` runs it (in a checkout `./dev simulate`, which
brings the packages of the extra `simulate`).

```sh
./dev simulate --list
./dev simulate ten-vans-at-six --seeds 3 --html report.html --json figures.json
```

- Every strategy meets the same cars, weather and building: the same seed is the same world. So
  differences to the baseline are taken seed by seed, and their interval is much narrower than those of
  the two means. Intervals are Student's t at 95 % over the seeds.
- `--jobs N` uses N processes, `--cluster HOST:PORT` a Ray cluster (extra `cluster`; each node needs the
  same version of Ampacity). The JSON file holds the same bytes whatever ran it, but for `timings`, which
  come last.
- The HTML report is one file that needs no network and no script: power over time under the limit, costs,
  what drivers got, waiting, each conductor's highest load, and what was assumed. Figures are defined in
  [metrics.md](metrics.md).
- Strategies are built in, variants of these with settings, or your own in Python
  ([strategies.md](strategies.md)).
- A wrong file is told in one go: every fault with file, key, value and remedy.
- `ampacity simulate CASE.json` plays a case of the control law instead: [cases.md](cases.md).

What the models are and where they come from: [simulation.md](simulation.md). The smallest file:

```toml
version = 1
name = "Four places at home"
shows = "The smallest scenario file."

[run]
starts = 2026-03-02

[[circuit]]
id = "house"
rating_a = 25

[[evse]]
id = "place"
count = 4
circuit = "house"
max_a = 16

[[arrivals]]
kind = "archetype"
archetype = "home"
```

## The gallery

`ampacity simulate NAME` runs one; `src/ampacity/simulation/scenarios/gallery/NAME.toml` is its file, with
a comment on what it shows.

"""

FORMAT = """
## The format, version 1

Keys that are not named here are an error. Powers are in kW, energies in kWh, currents in amperes (RMS) a
conductor, hours are of the local clock. `[[x]]` may come several times. A key without a default is
needed.
"""

COLUMNS = "| key | value | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """The whole page."""
    out = [HEAD, "| scenario | what it shows |\n|---|---|\n"]
    for name in gallery():
        scenario, _ = load(name)
        out.append(f"| `{name}` | {scenario.shows} |\n")
    out.append(FORMAT)
    for title, kind in sections():
        out.append(
            f"\n### {title}\n\n{meaning(kind)}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
        )
        config = kind.__struct_config__
        if config.tag is not None:
            out.append(f'| `{config.tag_field}` | `"{config.tag}"` | | this kind |\n')
        out += rows(kind)
    names = ", ".join(f"`{name}`" for name in StreetMetrics.__struct_fields__)
    own = ", ".join(f"`{name}`" for name in TransformerMetrics.__struct_fields__)
    out.append(f"\nOne with a `transformer` has {own}. {meaning(TransformerMetrics)}\n")
    out.append(f"\nA scenario with a `feeder` has these figures besides: {names}. {meaning(StreetMetrics)}\n")
    return "".join(out)


def sections() -> Iterator[tuple[str, type[Struct]]]:
    """Every section with its title, in the order of the file's types."""
    yield "At the top", spec.Scenario
    for field in msgspec.structs.fields(spec.Scenario):
        kind = field.type
        while hasattr(kind, "__metadata__"):
            kind = kind.__origin__
        several = get_origin(kind) is tuple
        members = get_args(kind)[0] if several else kind
        for member in get_args(members) or (members,):
            if isinstance(member, type) and issubclass(member, Struct):
                title = f"`[[{field.name}]]`" if several else f"`[{field.name}]`"
                tag = member.__struct_config__.tag
                yield f"{title} {tag}" if tag else title, member
    yield "A band of `prices.bands`", spec.TariffBand


def meaning(kind: type[Struct]) -> str:
    """A section's docstring on one line."""
    return " ".join((inspect.getdoc(kind) or "").split())


def rows(kind: type[Struct]) -> Iterator[str]:
    """A table row for each key; sections at the top stand by themselves."""
    for field in msgspec.structs.fields(kind):
        plain, description = unwrapped(field.type)
        if kind is spec.Scenario and not description:
            continue
        yield f"| `{field.name}` | {words(plain)} | {default(field)} | {description} |\n"


def unwrapped(kind: Any) -> tuple[Any, str]:
    """A type with its limits, and its description."""
    for extra in getattr(kind, "__metadata__", ()):
        if isinstance(extra, Meta) and extra.description:
            return kind, extra.description
    return kind, ""


def words(kind: Any) -> str:
    """A type in words, with its limits."""
    if hasattr(kind, "__metadata__"):
        limits = [text for extra in kind.__metadata__ for text in bounds(extra)]
        return ", ".join([words(kind.__origin__), *limits])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return (
                "sections"
                if issubclass_(arguments[0], Struct)
                else f"list of {words(arguments[0])}".replace("number", "numbers")
            )
        return f"list of {len(arguments)} numbers"
    if origin is dict:
        return "sections by name"
    members = [member for member in arguments if member is not NoneType]
    if members:
        return " or ".join(words(member) for member in members)
    return {str: "text", float: "number", int: "whole number", bool: "true, false", date: "day"}[kind]


def issubclass_(kind: Any, of: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, of)


def bounds(extra: Any) -> Iterator[str]:
    """The limits of a value."""
    if isinstance(extra, Meta):
        for name, sign in (("gt", "above"), ("ge", "from"), ("lt", "below"), ("le", "to")):
            value = getattr(extra, name)
            if value is not None:
                yield f"{sign} {value:g}"


def default(field: Any) -> str:
    """What holds where a key is left out."""
    value = field.default if field.default is not NODEFAULT else field.default_factory
    if value is NODEFAULT:
        return "needed"
    if callable(value):
        value = value()
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" if isinstance(part, str) else f"{part:g}" for part in value)
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"
