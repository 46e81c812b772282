"""All rows that belong to some customers, in whatever table, found by following foreign keys from `account`.

Left out are events and their sums, which are many and merged by their own room, and rows that are derived from others.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import Table, UniqueConstraint, or_, select
from sqlmodel import Session

from portal.kit.db import chunks
from portal.kit.rows import Row as Base

Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]
Snapshot = dict[str, Rows]
Change = tuple[dict[str, Any] | None, dict[str, Any] | None]
ROOT: Final = "account"
APART: Final = frozenset(
    {"event", "event_day", "segment_account", "account_field_value", "account_merge", "account_apart", "touch"}
)


@cache
def tables() -> tuple[Table, ...]:
    """`account` and every table whose rows belong to one, parents before children."""
    found = {ROOT}
    for table in Base.metadata.sorted_tables:
        if table.name not in APART and any(key.column.table.name in found for key in table.foreign_keys):
            found.add(table.name)
    return tuple(table for table in Base.metadata.sorted_tables if table.name in found)


@cache
def links(table: Table) -> Mapping[str, str]:
    """The columns of `table` that point into another of `tables`, and into which.

    Letters and lines of the audit log outlive a person, so their `member_id` is no foreign key, and means one.
    """
    names = {one.name for one in tables()}
    found = {
        key.parent.name: key.column.table.name
        for key in table.foreign_keys
        if key.column.table.name in names and key.column.table.name != table.name
    }
    return {"member_id": "member", **found} if "member_id" in table.c else found


@cache
def parents() -> frozenset[str]:
    """Those of `tables` that others of them point into."""
    return frozenset(parent for table in tables() for parent in links(table).values())


def key_of(table: Table, row: Mapping[str, Any]) -> Key:
    """The primary key of a row."""
    return tuple(row[column.name] for column in table.primary_key.columns)


def snapshot(session: Session, accounts: Sequence[int]) -> Snapshot:
    """The rows of these customers, by table and key."""
    found: Snapshot = {str(table.name): {} for table in tables()}
    for table in tables():
        if table.name == ROOT:
            wheres = [table.c.id.in_(accounts)]
        else:
            wheres = [
                table.c[name].in_(some)
                for name, parent in links(table).items()
                for some in chunks([key[0] for key in found[parent]])
            ]
        for where in wheres:
            for row in session.connection().execute(select(table).where(or_(where))).mappings():
                # Names that must be quoted are no plain strings, and JSON takes those alone.
                plain = {str(name): value for name, value in row.items()}
                found[table.name][key_of(table, plain)] = plain
    return found


def changed_rows(before: Snapshot, after: Snapshot) -> dict[str, list[Change]]:
    """What is not as it was: (as it was or None, as it is or None)."""
    changed: dict[str, list[Change]] = {}
    for name, rows in before.items():
        now = dict(after[name])
        moved = []
        for key, row in rows.items():
            there = now.pop(key, None)
            if there != row:
                moved.append((row, there))
        changed[name] = [*moved, *((None, row) for row in now.values())]
    return {name: rows for name, rows in changed.items() if rows}


def conflicts(table: Table, wanted: Mapping[str, Any], others: Rows) -> Key | None:
    """The key of the row that may not stand beside `wanted`, if there is one."""
    for columns, condition in _uniques(table):
        if not _holds(condition, wanted) or any(wanted[name] is None for name in columns):
            continue
        for key, row in others.items():
            if _holds(condition, row) and all(row[name] == wanted[name] for name in columns):
                return key
    return None


@cache
def _uniques(table: Table) -> tuple[tuple[tuple[str, ...], str], ...]:
    keys = [(tuple(column.name for column in table.primary_key.columns), "")]
    unique = (one for one in table.constraints if isinstance(one, UniqueConstraint))
    keys += [(tuple(column.name for column in one.columns), "") for one in unique]
    for index in table.indexes:
        if index.unique:
            where = index.dialect_options["sqlite"]["where"]
            keys.append((tuple(column.name for column in index.columns), "" if where is None else str(where)))
    return tuple(keys)


def _holds(condition: str, row: Mapping[str, Any]) -> bool:
    """Whether a row is in a partial index: ours are made of `… IS NULL` and `… IS NOT NULL`, joined by AND."""
    for part in condition.split(" AND ") if condition else ():
        name, _, state = part.partition(" IS ")
        if (row[name.strip()] is None) is not (state.strip() == "NULL"):
            return False
    return True


# --- as JSON ----------------------------------------------------------------------------------------------------------


def packed(changed: Mapping[str, Sequence[Change]]) -> dict[str, Any]:
    """Changes as JSON keeps them."""
    return {name: [[_packed_row(one) for one in change] for change in rows] for name, rows in changed.items()}


def unpacked(told: Mapping[str, Any]) -> dict[str, list[Change]]:
    """And back."""
    return {name: [(_row(was), _row(then)) for was, then in rows] for name, rows in told.items()}


def _packed_row(row: Mapping[str, Any] | None) -> Any:
    return None if row is None else {name: _packed(value) for name, value in row.items()}


def _row(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if told is None else {name: _unpacked(value) for name, value in told.items()}


def _packed(value: Any) -> Any:
    match value:
        case datetime():
            return ["moment", value.isoformat()]
        case date():
            return ["day", value.isoformat()]
        case Decimal():
            return ["number", str(value)]
        case bytes():
            return ["bytes", base64.b64encode(value).decode()]
    return ["as is", value]


def _unpacked(told: Sequence[Any]) -> Any:
    kind, value = told
    match kind:
        case "moment":
            return datetime.fromisoformat(value)
        case "day":
            return date.fromisoformat(value)
        case "number":
            return Decimal(value)
        case "bytes":
            return base64.b64decode(value)
    return value
