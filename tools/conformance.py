"""Writes docs/conformance.md: which test shows which case of OCA's certification tests for a central system,
read from the tests themselves (functions named `test_TC_...` in tests/conformance and their `proves` marks).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "conformance"

BLOCKS = {
    "A": "Security",
    "B": "Provisioning",
    "C": "Authorization",
    "D": "Local authorization list",
    "E": "Transactions",
    "F": "Remote control",
    "G": "Availability",
    "H": "Reservation",
    "I": "Tariff and cost",
    "J": "Meter values",
    "K": "Smart charging",
    "L": "Firmware",
    "M": "ISO 15118 certificates",
    "N": "Diagnostics",
    "O": "Display messages",
    "P": "Data transfer",
}
"""Functional blocks of 2.0.1 by their letter."""

MANDATORY = {
    "A": "01 02 03 04 06 07 08 09 10 11 12 14 19",
    "B": "01 06 09 12 14 18 20 21 22 42 44",
    "C": "02 06 07 08 20 37 38 39 40 43 47 48 49 50 51 52",
    "D": "01 02 03 04 09",
    "E": "01 02 03 04 07 08 09 10 11 12 14 15 16 17 19 20 21 22 26 38 39 53",
    "F": "01 02 03 04 20 27",
    "G": "03 04 05 06 07 08 11 14 17 20",
    "H": "01 07 17 19 20 22",
    "J": "01 02 03 04 07 08 09 10 11",
    "K": "01 03 04 05 06 08 10 15 19 29 30 31 32 33 34 35 36 37 43 44 53 55 57 58 59 60 70",
    "L": "01 02 04 05 06 08 09 10 11 13",
    "M": "01 02 03 04 05 13 14 15 16 18 19 20 21 24 26 28",
    "N": "01 02 03 05 08 16 17 18 21 24 25 27 28 29 30 31 32 34 35 36 44 46 47 49 50 60",
    "O": "01 02 03 04 05 06 07 08 09 10 12 13 14 17 18 19 26 27 28",
    "P": "02 03",
}
"""The cases of 2.0.1 edition 3, part 6, that every CSMS must pass."""

CONDITIONAL = {
    "A": "13",
    "B": "02 07 10 13 25 26 27 30 31",
    "D": "08",
    "E": "29 30 31 33 34",
    "F": "06 11 12 13 14 15 18 23 24",
    "H": "08 14 15",
    "L": "03",
    "N": "62 63",
}
"""Those that a CSMS must pass that offers what they are about; Ampacity offers it all."""

FURTHER = {
    "B": "08",
    "I": "02",
    "K": "02 48 50 51 52",
    "L": "07 17 19 20 21 22 23 24",
    "M": "12 17",
    "N": "09 48",
    "O": "11 25",
}
"""Cases for a CSMS that its certification does not ask for: shown where they have a test."""

CASES_16 = """
001 003 004_1 004_2 005_1 007 010 011_1 011_2 012 013 014 017_1 017_2 018_1 019_1 019_2 021
023_1 023_2 023_3 024 026 028 030 031 032_1 034 037_1 037_3 039 040_1 040_2 042_1 042_2
043_1 043_2 043_3 043_4 043_5 044_1 044_2 044_3 045_1 045_2 046 047 048_1 048_2 048_3 048_4
049 051 052 053 054 055 056 057 058_1 058_2 059 060 061 062 064 066 067 068 069 070 071 072
073 074 075_1 075_2 076 077 078 079 080 081 083 084 085 086 087 088
"""
"""OCA's cases of 1.6 for a central system. Their texts are its members'; the numbers are as the industry uses
them."""

HEAD = """# Conformance

Made from the tests by `./dev docs`. Each case of OCA's certification tests for a central system (CSMS) has a
test of its name in `tests/conformance`. A charging station that shares no code with Ampacity drives the
running product over a real socket, every frame in both directions goes past an independent judge of the
schemas, and the test looks at the frames, the API and the audit. The tests are ours, written from the
specification; passing them is no certificate.
"""


class Test(NamedTuple):
    """A test function of a case."""

    case: str
    place: str
    requirements: tuple[str, ...]
    seen: str


def wanted() -> dict[str, str]:
    """Case -> `M` or `C`, of both versions: `TC_B_01`, and `TC_001` for 1.6."""
    cases = {f"TC_{letter}_{number}": "M" for letter, text in MANDATORY.items() for number in text.split()}
    cases |= {f"TC_{letter}_{number}": "C" for letter, text in CONDITIONAL.items() for number in text.split()}
    return cases | {f"TC_{number}": "M" for number in CASES_16.split()}


def further() -> list[str]:
    """Cases that nobody asks for."""
    return [f"TC_{letter}_{number}" for letter, text in FURTHER.items() for number in text.split()]


def tests() -> dict[str, list[Test]]:
    """Case -> its tests."""
    names = set(wanted()) | set(further())
    found: dict[str, list[Test]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith(
                "test_TC_"
            ):
                continue
            match = re.match(r"test_(TC_(?:[A-Z]_\d+|\d+(?:_\d+)?))_CSMS", node.name)
            case = match.group(1) if match else node.name
            case = case if case in names else node.name
            seen = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            place = f"{path.relative_to(ROOT)}::{node.name}"
            found[case].append(Test(case, place, _requirements(node), seen))
    return found


def _requirements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("proves"):
            return tuple(str(ast.literal_eval(argument)) for argument in mark.args)
    return ()


def missing() -> list[str]:
    """Wanted cases without a test."""
    found = tests()
    return [case for case in wanted() if case not in found]


def unknown() -> list[str]:
    """Tests that carry the name of no case."""
    return sorted(set(tests()) - set(wanted()) - set(further()))


def page() -> str:
    """docs/conformance.md."""
    found, cases = tests(), wanted()
    proved = [case for case in cases if case in found]
    new = [case for case in cases if case[3].isalpha()]
    old = [case for case in cases if not case[3].isalpha()]
    more = [case for case in further() if case in found]
    out = [
        HEAD,
        f"2.0.1 edition 3: {sum(case in found for case in new)} of {len(new)} cases "
        f"({sum(cases[case] == 'M' for case in new)} mandatory, the others conditional). "
        f"1.6 with security: {sum(case in found for case in old)} of {len(old)}. "
        f"{sum(len(found[case]) for case in proved)} tests.",
        "",
    ]
    for letter, title in BLOCKS.items():
        out += _table(
            f"2.0.1 {letter}: {title}", [case for case in [*new, *more] if case[3] == letter], found
        )
    out += _table("1.6", old, found)
    return "\n".join(out)


def _table(title: str, cases: list[str], found: dict[str, list[Test]]) -> list[str]:
    kinds = wanted()
    out = [
        f"## {title}",
        "",
        "| case | needed | requirements | what is seen | state |",
        "|---|---|---|---|---|",
    ]
    for case in sorted(cases):
        for test in found.get(case) or [Test(case, "", (), "no test yet")]:
            state = f"[proved](../{test.place.partition('::')[0]})" if test.place else "missing"
            cells = (case, kinds.get(case, "-"), ", ".join(test.requirements), test.seen, state)
            out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*out, ""]


if __name__ == "__main__":
    lacking = missing()
    print(
        f"{len(wanted()) - len(lacking)} of {len(wanted())} cases have a test; without: {' '.join(lacking)}"
    )
    print("no case:", " ".join(unknown()))
