"""Opens a session file and chooses its form by what is in it, never by its name."""

from __future__ import annotations

import gzip
from pathlib import Path

from .acn import rows_of_acn
from .csv_lines import header_of
from .ocpi import file_of_cdrs
from .plain import PLAIN_REQUIRED, rows_of_plain
from .rows import SessionFile, SessionFileError, one_car_at_a_time


def read_sessions(path: str | Path) -> SessionFile:
    """Read a session file in the ACN form, the plain form or as OCPI CDRs, plain or gzip.

    Raises `SessionFileError` for anything that is none of them.
    """
    name = str(path)
    try:
        raw = Path(path).read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise SessionFileError(name, "there is no such file", "Check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SessionFileError(
            name,
            f"the file can't be read ({error})",
            "A CSV or a JSON file in UTF-8 is needed, plain or compressed by gzip.",
        ) from None
    if text.lstrip()[:1] in ("[", "{"):
        return file_of_cdrs(name, text)
    columns = header_of(text)
    if set(columns) & set(PLAIN_REQUIRED):
        rows, form = rows_of_plain(name, text), "plain"
    else:
        rows, form = rows_of_acn(name, text), "acn"
    if not rows:
        raise SessionFileError(name, "the file holds no session", "Add at least one line below the header.")
    return one_car_at_a_time(name, rows, "plain" if form == "plain" else "acn")
