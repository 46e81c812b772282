"""Reading a CSV file as it really comes: from Excel in Japan, in UTF-8 or CP932, with line breaks inside cells.

Every problem carries the line in the file where the row begins, as an editor counts it. Whatever bytes are given, the
answer is a table or `FileProblems`, never another error.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from portal.kit.csvout import unescaped
from portal.kit.files import FileProblems, Problem
from portal.kit.i18n import Message

LARGEST = 50 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 500
"""More than anybody has of either, and few enough that a file of nothing but commas takes no server down."""
DELIMITERS = (",", "\t", ";")
NOT_REALLY_CP932 = re.compile("[\uf8f0-\uf8f3\x80]")
"""What the codec makes of bytes that mean nothing in CP932."""


@dataclass(frozen=True)
class CsvRow:
    """One row: the line where it begins, its cells that are not empty, by column, and which of them are formulas."""

    line: int
    cells: Mapping[str, str]
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True)
class CsvTable:
    """A file whose header is in order. Blank lines are no rows."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class CsvHead:
    """The beginning of a file: what its columns are called, and its first rows."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_head(data: bytes, *, file: str, rows: int) -> CsvHead:
    """The headings of `data` and its first rows; raises `FileProblems` where it is no table."""
    lines = _parse(decode(data, file=file), file=file)
    first = next(lines, None)
    if first is None:
        raise FileProblems([Problem(file, 1, Message("the file is empty"))])
    headings = [cell.strip() for cell in first[1]]
    while headings and not headings[-1]:
        headings.pop()
    some = tuple(
        tuple(unescaped(cell).strip() for cell in cells) for _, (_, cells) in zip(range(rows), lines, strict=False)
    )
    return CsvHead(tuple(headings), some)


def read_csv(
    data: bytes,
    *,
    file: str,
    required: Sequence[str],
    optional: Collection[str],
    columns: Sequence[str] | None = None,
) -> CsvTable:
    """The table in `data`; raises `FileProblems` where the file or its header is unusable.

    Rows of the wrong width are left out and named in `problems`, so that the caller can add what else is wrong.
    `columns` says what each column is, whatever its heading; "" is one that is not read.
    """
    text = decode(data, file=file)
    rows = _parse(text, file=file)
    try:
        first_line, header = next(rows)
    except StopIteration:
        raise FileProblems([Problem(file, 1, Message("the file is empty"))]) from None
    columns = columns or _header(header, file=file, line=first_line, required=required, optional=optional)
    if missing := [name for name in required if name not in columns]:
        lacks = [Message("column “%(column)s” is missing", column=name) for name in missing]
        raise FileProblems([Problem(file, first_line, message) for message in lacks])
    found: list[CsvRow] = []
    problems: list[Problem] = []
    for line, cells in rows:
        width = len(cells)
        if width < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            told = {"cells": width, "columns": len(columns)}
            said = Message("this row has %(cells)s cells, the header has %(columns)s columns", **told)
            problems.append(Problem(file, line, said))
            continue
        values = [(column, unescaped(cell).strip()) for column, cell in zip(columns, cells, strict=False) if column]
        formulas = tuple(column for column, cell in zip(columns, cells, strict=False) if column and cell[:1] == "=")
        found.append(CsvRow(line, {column: value for column, value in values if value}, formulas))
    read = tuple(column for column in columns if column)
    return CsvTable(file, read, tuple(found), tuple(problems))


def decode(data: bytes, *, file: str) -> str:
    """`data` as text: UTF-8 with or without BOM, else CP932, which Excel writes in Japan."""
    if len(data) > LARGEST:
        limit = LARGEST // (1024 * 1024)
        raise FileProblems([Problem(file, 1, Message("the file is larger than %(limit)s MB", limit=limit))])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        said = Message("the file is in UTF-16; save it as “CSV UTF-8” and try again")
        raise FileProblems([Problem(file, 1, said)])
    if (zero := data.find(b"\0")) >= 0:
        said = Message("this line contains a NUL byte; this is no CSV file")
        raise FileProblems([Problem(file, data.count(b"\n", 0, zero) + 1, said)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode("cp932")
            if not NOT_REALLY_CP932.search(text):
                return text
        said = Message("this line is neither UTF-8 nor CP932 (Shift_JIS)")
        raise FileProblems([Problem(file, data.count(b"\n", 0, error.start) + 1, said)]) from None


def _parse(text: str, *, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line, count = 1, 0
    try:
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            if len(cells) > MOST_COLUMNS:
                raise FileProblems(
                    [Problem(file, line, Message("more than %(most)s columns", most=f"{MOST_COLUMNS:,}"))]
                )
            if any(cell.strip() for cell in cells):
                count += 1
                if count > MOST_ROWS + 1:
                    said = Message("more than %(most)s rows; split the file", most=f"{MOST_ROWS:,}")
                    raise FileProblems([Problem(file, line, said)])
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileProblems([Problem(file, line, _explained(error))]) from None


def _explained(error: csv.Error) -> Message:
    said = str(error)
    if "unexpected end of data" in said:
        return Message("a quotation mark opened in this row is never closed")
    if "expected after" in said:
        return Message("a quotation mark inside a cell must be doubled, and the cell be put in quotation marks")
    if "field larger than" in said:
        return Message("a cell in this row is longer than %(longest)s characters", longest=csv.field_size_limit())
    return Message("this row is not CSV: %(detail)s", detail=said)


def _delimiter(text: str) -> str:
    """What the header is separated by: a comma unless there is none and a tab or semicolon is."""
    header = text.lstrip("\r\n").split("\n", 1)[0]
    return next((delimiter for delimiter in DELIMITERS if delimiter in header), ",")


def _header(
    header: Sequence[str], *, file: str, line: int, required: Sequence[str], optional: Collection[str]
) -> tuple[str, ...]:
    names = [unicodedata.normalize("NFKC", cell).strip().lower() for cell in header]
    while names and not names[-1]:
        names.pop()
    known = [*required, *optional]
    said: list[Message] = []
    seen: set[str] = set()
    for place, name in enumerate(names, start=1):
        if not name:
            said.append(Message("column number %(place)s has no name", place=place))
        elif name not in known:
            said.append(_unknown(name, known))
        elif name in seen:
            said.append(Message("column “%(column)s” is there twice", column=name))
        seen.add(name)
    said += [Message("column “%(column)s” is missing", column=name) for name in required if name not in seen]
    if said:
        said.append(Message("columns of this file: %(columns)s", columns=", ".join(known)))
        raise FileProblems([Problem(file, line, message) for message in said])
    return tuple(names)


def _unknown(name: str, known: Sequence[str]) -> Message:
    shown = name if len(name) <= 60 else f"{name[:57]}…"
    close = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.6)
    if close:
        return Message("column “%(column)s” is unknown; do you mean “%(close)s”?", column=shown, close=close[0])
    return Message("column “%(column)s” is unknown", column=shown)
