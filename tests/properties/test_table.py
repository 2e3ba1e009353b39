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


def test_every_invariant_is_in_the_table_with_the_tests_that_name_it() -> None:
    page = (ROOT / "docs/control.md").read_text()
    rows = dict(re.findall(r"^\| (I\d+) [^|]*\| (.*) \|$", page, re.MULTILINE))
    assert tuple(rows) == INVARIANTS
    for name, files in shown().items():
        assert files, f"no test names {name} in its docstring"
        assert rows[name] == ", ".join(f"`{file}`" for file in files), f"docs/control.md: the row of {name}"
