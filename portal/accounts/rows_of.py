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

from sqlalchemy import ColumnElement, Table, UniqueConstraint, delete, select, update
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
            _gather(session, table, [where], found)
    return found


def rows_of_people(session: Session, account_id: int, members: Sequence[int]) -> Snapshot:
    """The rows of some people of one customer, and what hangs on these, by table and key, without themselves.

    Of a table that names the customer too only the customer's rows are looked through.
    """
    found: Snapshot = {str(table.name): {} for table in tables()}
    ids: dict[str, Sequence[Any]] = {"member": sorted(members)}
    for table in tables():
        if table.name in (ROOT, "member"):
            continue
        within = [table.c.account_id == account_id] if "account_id" in table.c else []
        for name, parent in links(table).items():
            for some in chunks(ids.get(parent, ())):
                _gather(session, table, [*within, table.c[name].in_(some)], found)
        if table.name in parents():
            ids[table.name] = [row["id"] for row in found[table.name].values()]
    return found


def repoint(session: Session, rows: Snapshot, moved: Mapping[str, Mapping[int, int]]) -> None:
    """Point every one of `rows` at the survivor of what it points at; `moved` leads from the ids that go to those that
    stay, by table. Of two rows that may not both be there the earlier stays, else the survivor's; a row that others
    point at hands them on to the survivor's, and is left to go with what it belongs to."""
    moving = {parent: dict(ids) for parent, ids in moved.items()}
    for table in tables():
        if table.name == ROOT:
            continue
        gone = moving.get(table.name, {})
        there: Rows = {key: row for key, row in rows[table.name].items() if row.get("id") not in gone}
        for key, row in list(there.items()):
            changes = {
                name: moving[parent][row[name]]
                for name, parent in links(table).items()
                if row[name] in moving.get(parent, {})
            }
            if not changes or key not in there:
                continue
            wanted = {**row, **changes}
            other = conflicts(table, wanted, {one: row for one, row in there.items() if one != key})
            if other is not None:
                if table.name in parents():
                    moving.setdefault(table.name, {})[row["id"]] = there[other]["id"]
                    del there[key]
                    continue
                loser = other if "at" in row and row["at"] < there[other]["at"] else key
                session.connection().execute(delete(table).where(*is_row(table, loser)))
                del there[loser]
                if loser == key:
                    continue
            session.connection().execute(update(table).where(*is_row(table, key)).values(changes))
            del there[key]
            there[key_of(table, wanted)] = wanted


def is_row(table: Table, key: Key) -> list[ColumnElement[bool]]:
    """The condition that finds the row with a key."""
    return [column == value for column, value in zip(table.primary_key.columns, key, strict=True)]


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


def _gather(session: Session, table: Table, where: Sequence[ColumnElement[bool]], found: Snapshot) -> None:
    for row in session.connection().execute(select(table).where(*where)).mappings():
        # Names that must be quoted are no plain strings, and JSON takes those alone.
        plain = {str(name): value for name, value in row.items()}
        found[table.name][key_of(table, plain)] = plain


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
