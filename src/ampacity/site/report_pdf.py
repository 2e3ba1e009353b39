"""An assessment as a PDF: plain pages of text, made by hand (ISO 32000-1, 7.5: header, objects, table,
trailer).

No library: the report is headings and lines in one of the fonts that every reader has.
"""

from __future__ import annotations

import textwrap

from ..model.proving import Assessment

LINES = 56
WIDTH = 92
"""Characters of Helvetica at 9 points that fit on A4 between margins, as a rule."""

_PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R"
_FONTS = "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
_VERDICTS = {True: "passed", False: "FAILED", None: "not known"}


def report_pdf(assessment: Assessment, site_name: str) -> bytes:
    """The report. Characters beyond Windows-1252 are shown as question marks."""
    lines = [("F2", f"Commissioning of {site_name}"), ("F1", "")]
    ended = assessment.finished_at
    state = "accepted by " + assessment.accepted_by if assessment.accepted_by else "not accepted"
    lines += [
        ("F1", f"Assessment {assessment.assessment_id}, site {assessment.site_id}, by {assessment.actor}"),
        ("F1", f"Begun {assessment.started_at:%Y-%m-%d %H:%M} UTC, "
               + (f"finished {ended:%Y-%m-%d %H:%M} UTC; " if ended else "open; ") + state),
    ]  # fmt: skip
    for step in assessment.steps:
        when = f" ({step.at:%Y-%m-%d %H:%M} UTC)" if step.at is not None else ""
        lines += [("F1", ""), ("F2", f"{step.name.replace('_', ' ')}: {step.state}{when}")]
        for finding in step.findings:
            text = f"{finding.name}: {_VERDICTS[finding.passed]}. {finding.evidence}"
            lines += [("F1", part) for part in textwrap.wrap(text, WIDTH, subsequent_indent="    ")]
    pages = [lines[k : k + LINES] for k in range(0, len(lines), LINES)]
    return _file([_content(page) for page in pages])


def _content(lines: list[tuple[str, str]]) -> bytes:
    parts = [b"BT 50 790 Td 13 TL"]
    for font, text in lines:
        size = 9 if font == "F1" else 12
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        parts.append(f"/{font} {size} Tf ({escaped}) Tj T*".encode("cp1252", "replace"))
    parts.append(b"ET")
    return b"\n".join(parts)


def _file(contents: list[bytes]) -> bytes:
    numbers = [5 + 2 * k for k in range(len(contents))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
    ]
    for number, content in zip(numbers, contents, strict=True):
        objects.append(f"{_PAGE.format(number + 1)} {_FONTS}".encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
