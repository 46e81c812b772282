"""Importing customers and people: all rows or none, and every bad row named at once.

Reading is pure and happens before a transaction begins; the rows then go in with a handful of statements, whatever
their number. An empty cell leaves what is known as it is, so a file with three columns corrects just those three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    headings: Mapping[str, str] = field(default_factory=dict)
    """What the file itself calls a field, where that is something else."""

    def in_column(self, line: int, column: str, problem: Message) -> Problem:
        """A problem with one cell."""
        return in_column(self.file, line, self.headings.get(column, column), problem)


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or with problems or in a dry run would have done; with problems nothing was changed."""

    created: int
    updated: int
    unchanged: int
    problems: tuple[Problem, ...] = ()
    added: Sequence[Mapping[str, object]] = ()
    """The rows of customers that are new, as the table holds them."""

    @property
    def ok(self) -> bool:
        """Whether every row was fine."""
        return not self.problems


def read_import(
    kind: Kind,
    data: bytes,
    *,
    file: str,
    zone: ZoneInfo,
    progress: Progress | None = None,
    own: Mapping[str, Reader] | None = None,
    columns: Sequence[str] | None = None,
    headings: Mapping[str, str] | None = None,
) -> ImportFile:
    """Read a whole file; raises `FileProblems` where it is no table at all or its header is wrong.

    `own` are the vendor's own fields, as `traits.<name>`. `columns` says what each column is, whatever its heading ("":
    it is not read), and `headings` what the file calls those fields, to name them in problems.
    """
    required, optional = COLUMNS[kind]
    readers = {**FIELDS[kind], **(own or {})}
    called = headings or {}
    if columns is not None:
        # Somebody chose them, and may correct one field: a new row without a name is refused where it stands.
        required, optional = ("external_id",) if kind == "accounts" else ("account",), (*required, *optional)
    table = read_csv(data, file=file, required=required, optional=(*optional, *(own or ())), columns=columns)
    rows: list[ImportRow] = []
    problems = list(table.problems)
    seen: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(table.rows, start=1):
        read, wrong = _read_row(kind, table, row, zone, readers, called)
        same = tuple(row.cells.get(column, "") for column in ("external_id", "account"))
        if row.cells.get("external_id"):
            earlier = seen.setdefault(same, row.line)
            if earlier != row.line:
                said = Message("the same external_id is in line %(line)s already", line=earlier)
                wrong.append(in_column(table.file, row.line, called.get("external_id", "external_id"), said))
        problems += wrong
        if not wrong:
            rows.append(read)
        if progress is not None and (place % REPORT_EVERY == 0 or place == len(table.rows)):
            progress(place, len(table.rows))
    return ImportFile(kind, file, tuple(rows), tuple(problems), called)


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


def _read_row(
    kind: Kind,
    table: CsvTable,
    row: CsvRow,
    zone: ZoneInfo,
    readers: Mapping[str, Reader],
    called: Mapping[str, str],
) -> tuple[ImportRow, list[Problem]]:
    def problem(column: str, said: Message) -> Problem:
        return in_column(table.file, row.line, called.get(column, column), said)

    plain = {name: cell for name, cell in row.cells.items() if name not in row.formulas}
    reading = read_fields(plain, readers, zone=zone)
    wrong = [problem(one.field, one.message) for one in reading.problems]
    wrong += [problem(column, FORMULA) for column in row.formulas]
    needed = ("external_id",) if kind == "accounts" else ("account",)
    wrong += [problem(name, EMPTY) for name in needed if name not in row.cells]
    if kind == "members" and not row.cells.keys() & {"external_id", "email"}:
        wrong.append(problem("external_id", Message("this and “email” are both empty")))
    changes = dict(reading.changes)
    wrong += [problem(*one) for one in _contradictions(changes)]
    traits = {name.removeprefix("traits."): changes.pop(name) for name in list(changes) if name.startswith("traits.")}
    if traits:
        changes["traits"] = traits
    external_id = changes.pop("external_id", None)
    account = changes.pop("account", None)
    read = ImportRow(
        line=row.line,
        external_id=external_id if isinstance(external_id, str) else None,
        account=account if isinstance(account, str) else None,
        changes=changes,
    )
    return read, wrong


def _contradictions(changes: Mapping[str, object]) -> list[tuple[str, Message]]:
    left = changes.get("left_at")
    for column in ("started_at", "joined_at"):
        began = changes.get(column)
        if isinstance(left, datetime) and isinstance(began, datetime) and left < began:
            return [("left_at", Message("this is before %(column)s", column=column))]
    return []


EMPTY = Message("this is empty")
FORMULA = Message("this is a formula; paste it as a value, or put an apostrophe before it if it is really meant so")
