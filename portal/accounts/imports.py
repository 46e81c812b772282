"""Importing customers and people: all rows or none, and every bad row named at once.

Reading is pure and happens before a transaction begins; the rows then go in with a handful of statements, whatever
their number. An empty cell leaves what is known as it is, so a file with three columns corrects just those three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from portal.accounts.csvfile import CsvRow, CsvTable, read_csv
from portal.accounts.fields import ACCOUNT_FIELDS, MEMBER_FIELDS, Reader, identifier, read_fields
from portal.kit.files import Problem
from portal.kit.i18n import Message

Kind = Literal["accounts", "members"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Progress = Callable[[int, int], None]
Item = TypeVar("Item")

COLUMNS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accounts": (
        ("external_id", "name"),
        (
            *("name_kana", "plan", "seats", "tier", "owner", "created_at", "started_at", "renews_at", "notice_by"),
            *("mrr", "currency", "left_at", "goal"),
        ),
    ),
    "members": (
        ("external_id", "account", "email"),
        ("name", "name_kana", "role", "department", "locale", "joined_at", "left_at"),
    ),
}
"""Required and optional columns of each kind of file."""

FIELDS: Mapping[Kind, Mapping[str, Reader]] = {
    "accounts": {"external_id": identifier, **ACCOUNT_FIELDS},
    "members": {"external_id": identifier, "account": identifier, **MEMBER_FIELDS},
}
REPORT_EVERY = 500
AT_ONCE = 5000
"""Values in one statement: both databases take at most 32,767."""


@dataclass(frozen=True)
class ImportRow:
    """A row that could be read: what it calls the customer or person, and what it says of them."""

    line: int
    external_id: str | None
    account: str | None
    changes: Mapping[str, object]


@dataclass(frozen=True)
class ImportFile:
    """A file as read, before the database is asked; rows named in `problems` are not in `rows`."""

    kind: Kind
    file: str
    rows: tuple[ImportRow, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or with problems or in a dry run would have done; with problems nothing was changed."""

    created: int
    updated: int
    unchanged: int
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every row was fine."""
        return not self.problems


def read_import(kind: Kind, data: bytes, *, file: str, zone: ZoneInfo, progress: Progress | None = None) -> ImportFile:
    """Read a whole file; raises `FileProblems` where it is no table at all or its header is wrong."""
    required, optional = COLUMNS[kind]
    table = read_csv(data, file=file, required=required, optional=optional)
    rows: list[ImportRow] = []
    problems = list(table.problems)
    seen: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(table.rows, start=1):
        read, wrong = _read_row(kind, table, row, zone)
        same = tuple(row.cells.get(column, "") for column in ("external_id", "account"))
        if row.cells.get("external_id"):
            earlier = seen.setdefault(same, row.line)
            if earlier != row.line:
                said = Message("the same external_id is in line %(line)s already", line=earlier)
                wrong.append(in_column(table.file, row.line, "external_id", said))
        problems += wrong
        if not wrong:
            rows.append(read)
        if progress is not None and (place % REPORT_EVERY == 0 or place == len(table.rows)):
            progress(place, len(table.rows))
    return ImportFile(kind, file, tuple(rows), tuple(problems))


def in_column(file: str, line: int, column: str, problem: Message) -> Problem:
    """A problem with one cell."""
    return Problem(file, line, Message("column “%(column)s”: %(problem)s", column=column, problem=problem))


def sorted_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """By line, as one goes through the file to mend it."""
    return tuple(sorted(problems, key=lambda problem: problem.line))


def in_parts(items: Sequence[Item], size: int = AT_ONCE) -> Iterator[Sequence[Item]]:
    """`items`, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _read_row(kind: Kind, table: CsvTable, row: CsvRow, zone: ZoneInfo) -> tuple[ImportRow, list[Problem]]:
    reading = read_fields(row.cells, FIELDS[kind], zone=zone)
    wrong = [in_column(table.file, row.line, problem.field, problem.message) for problem in reading.problems]
    needed = ("external_id",) if kind == "accounts" else ("account",)
    wrong += [in_column(table.file, row.line, name, EMPTY) for name in needed if name not in row.cells]
    if kind == "members" and not row.cells.keys() & {"external_id", "email"}:
        wrong.append(in_column(table.file, row.line, "external_id", Message("this and “email” are both empty")))
    changes = dict(reading.changes)
    wrong += _contradictions(table.file, row.line, changes)
    external_id = changes.pop("external_id", None)
    account = changes.pop("account", None)
    read = ImportRow(
        line=row.line,
        external_id=external_id if isinstance(external_id, str) else None,
        account=account if isinstance(account, str) else None,
        changes=changes,
    )
    return read, wrong


def _contradictions(file: str, line: int, changes: Mapping[str, object]) -> list[Problem]:
    left = changes.get("left_at")
    for column in ("started_at", "joined_at"):
        began = changes.get(column)
        if isinstance(left, datetime) and isinstance(began, datetime) and left < began:
            return [in_column(file, line, "left_at", Message("this is before %(column)s", column=column))]
    return []


EMPTY = Message("this is empty")
