"""Makes what docs/ shows of the code: the house as its imports have it (docs/architecture.svg), and the pages
of tools/reference.py and tools/scenario_format.py.

`python tools/docs.py` writes, `python tools/docs.py --check` fails where the file is not what the code says,
or where a relative link in a Markdown file leads nowhere.
"""

from __future__ import annotations

import ast
import re
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import reference, scenario_format  # noqa: E402

PACKAGE = ROOT / "src" / "ampacity"
TARGET = ROOT / "docs" / "architecture.svg"

FLOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("7  run it", ("cli", "demo", "node", "settings", "bench")),
    ("6  show it", ("api",)),
    ("5  talk", ("gateway",)),
    ("4  work", ("site", "simulation")),
    ("3  mean", ("csms", "access")),
    ("2  know and keep", ("control", "pki", "pricing", "station", "store", "files", "bus", "clock")),
    ("1  name", ("ocpp", "model", "compiled")),
)
"""The floors of the house, from the top; a room imports only from floors below, or from the few beside it
that the import contract in pyproject.toml lists."""

ROOM_W, ROOM_H, GAP, LEFT, TOP = 132, 46, 22, 150, 24


def room_of(module: str) -> str | None:
    """The room of a dotted module name, None for one that isn't ours."""
    parts = module.split(".")
    if parts[0] != "ampacity" or len(parts) < 2:
        return None
    return parts[1]


def imports() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE.parent).with_suffix("")
        package = list(relative.parts if path.name == "__init__.py" else relative.parts[:-1])
        if path.name == "__init__.py":
            package = package[:-1]
        here = room_of(".".join(relative.parts).removesuffix(".__init__"))
        if here is None:
            continue
        rooms = found.setdefault(here, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level:
                base = package[: len(package) - node.level + 1]
                names = [".".join([*base, *(node.module or "").split(".")])]
                if not node.module:
                    names = [".".join([*base, alias.name]) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            rooms.update(room for name in names if (room := room_of(name)) and room != here)
    return found


def lines_of(room: str) -> int:
    """Lines of Python in a room, generated messages apart."""
    folder = PACKAGE / room
    files = folder.rglob("*.py") if folder.is_dir() else [PACKAGE / f"{room}.py"]
    return sum(len(path.read_text().splitlines()) for path in files if "messages" not in path.parts)


def draw() -> str:
    """The picture: a row a floor, a box a room with its size, an arrow an import."""
    links = imports()
    floors = [(title, [room for room in rooms if room in links]) for title, rooms in FLOORS]
    missing = sorted(set(links) - {room for _, rooms in FLOORS for room in rooms} - {"__init__", "__main__"})
    if missing:
        raise SystemExit(f"rooms without a floor: {', '.join(missing)}; add them to FLOORS in tools/docs.py")
    floors = [(title, rooms) for title, rooms in floors if rooms]
    widest = max(len(rooms) for _, rooms in floors)
    width = LEFT + widest * (ROOM_W + GAP) + 20
    pitch = ROOM_H + 58
    height = TOP * 2 + pitch * len(floors) - 30
    at: dict[str, tuple[float, float]] = {}
    for row, (_, rooms) in enumerate(floors):
        span = len(rooms) * (ROOM_W + GAP) - GAP
        start = LEFT + (width - LEFT - 20 - span) / 2
        for column, room in enumerate(rooms):
            at[room] = (start + column * (ROOM_W + GAP), TOP + row * pitch)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        'font-family="Inter, system-ui, sans-serif" font-size="14">',
        "<title>The rooms of Ampacity and what each imports</title>",
        "<style>.b{fill:#f4f6f8;stroke:#8494a4}.t{fill:#16212b}.n{fill:#5b6b7a;font-size:11px}"
        ".f{fill:#5b6b7a;font-size:12px}.a{stroke:#8494a4;stroke-width:1;fill:none;opacity:.55}"
        "@media(prefers-color-scheme:dark){.b{fill:#17212b;stroke:#52657a}.t{fill:#e8eef4}.n,.f{fill:#9fb0c0}"
        ".a{stroke:#7f93a8}}</style>",
        '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#8494a4"/></marker></defs>',
    ]
    for room in sorted(links):
        out += [arrow(at[room], at[other]) for other in sorted(links[room]) if room in at and other in at]
    for row, (title, _) in enumerate(floors):
        y = TOP + row * pitch + ROOM_H / 2 + 4
        out.append(f'<text class="f" x="12" y="{y:.0f}">{escape(title)}</text>')
    for room, (x, y) in at.items():
        out.append(f'<rect class="b" x="{x:.0f}" y="{y:.0f}" width="{ROOM_W}" height="{ROOM_H}" rx="7"/>')
        middle = x + ROOM_W / 2
        out.append(f'<text class="t" x="{middle:.0f}" y="{y + 20:.0f}" text-anchor="middle">{room}</text>')
        size = f"{lines_of(room):,} lines"
        out.append(f'<text class="n" x="{middle:.0f}" y="{y + 36:.0f}" text-anchor="middle">{size}</text>')
    out.append("</svg>\n")
    return "\n".join(out)


def arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the bottom of one room to the top of another; beside each other: from side to side."""
    if start[1] == end[1]:
        left = start[0] < end[0]
        x1 = start[0] + (ROOM_W if left else 0)
        x2 = end[0] + (0 if left else ROOM_W)
        y = start[1] + ROOM_H / 2
        return f'<path class="a" marker-end="url(#h)" d="M{x1:.0f} {y:.0f}L{x2:.0f} {y:.0f}"/>'
    x1, y1 = start[0] + ROOM_W / 2, start[1] + ROOM_H
    x2, y2 = end[0] + ROOM_W / 2, end[1]
    bend = (y2 - y1) / 2
    return (
        f'<path class="a" marker-end="url(#h)" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} '
        f'{x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"/>'
    )


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    return {**reference.pages(), ROOT / "docs" / "scenarios.md": scenario_format.page()}


def broken_links() -> list[str]:
    """Relative links of Markdown files that lead nowhere."""
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    return broken


def shape(svg: str) -> str:
    """The picture without the sizes, which change with each line of code."""
    return re.sub(r"[\d,]+ lines", "lines", svg)


def main() -> None:
    check = "--check" in sys.argv[1:]
    svg = draw()
    problems = []
    if check:
        if not TARGET.exists() or shape(TARGET.read_text()) != shape(svg):
            problems.append("docs/architecture.svg is not what the imports say: run ./dev docs")
        for path, text in pages().items():
            if not path.exists() or path.read_text() != text:
                problems.append(f"{path.relative_to(ROOT)} is not what the code says: run ./dev docs")
    else:
        TARGET.write_text(svg)
        for path, text in pages().items():
            path.write_text(text)
        print("\n".join(str(path.relative_to(ROOT)) for path in (TARGET, *pages())))
    problems += broken_links()
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
