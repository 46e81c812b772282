"""CSV as Excel opens it well: UTF-8 with BOM, CRLF, and no cell that a spreadsheet would run as a formula.

A text that begins like a formula gets a leading apostrophe (OWASP, "CSV injection"); numbers are written as numbers.
`unescaped` takes the apostrophe off again, so that what was exported can be imported.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

FORMULA = re.compile(r"^['\s]*[=+\-@＝＋－＠]|^'*[\t\r]")
"""What some spreadsheet runs; apostrophes before it count too, so that taking one off again is always right."""


def export_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The file: a header, then a line for each of `rows`. None is an empty cell, a datetime is RFC 3339 in UTC."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def escaped(text: str) -> str:
    """`text`, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """What `escaped` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return escaped(value) if isinstance(value, str) else str(value)
