"""docs/control.md says for each invariant which tests show it; each such test says so in its docstring."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("tests/properties", "tests/control", "tests/simulation/proving")
INVARIANTS = tuple(f"I{number}" for number in range(1, 19))


def shown() -> dict[str, list[str]]:
    """By invariant: the files with a test whose docstring names it, in order."""
    found: dict[str, set[str]] = {name: set() for name in INVARIANTS}
    for room in ROOMS:
        for path in sorted((ROOT / room).glob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    for number in re.findall(r"\bI(\d+)\b", ast.get_docstring(node) or ""):
                        found[f"I{number}"].add(str(path.relative_to(ROOT / "tests")).removesuffix(".py"))
    return {name: sorted(files) for name, files in found.items()}


def test_every_invariant_is_in_the_table_with_tests_that_name_it() -> None:
    """The table may name fewer files than there are, and none that does not show it; one at least is a
    property."""
    page = (ROOT / "docs/control.md").read_text()
    rows = dict(re.findall(r"^\| (I\d+) [^|]*\| (.*) \|$", page, re.MULTILINE))
    assert tuple(rows) == INVARIANTS
    for name, files in shown().items():
        told = re.findall(r"`([^`]+)`", rows[name])
        assert set(told) <= set(files), f"docs/control.md: the row of {name}: {', '.join(files)} name it"
        assert any(file.startswith("properties/") for file in told), f"no property shows {name}"
