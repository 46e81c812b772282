"""Putting imported rows into the database: what is there is read once, compared in memory, and written in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, select, update
from sqlmodel import Session, SQLModel

from portal.accounts.changes import gathered, touched
from portal.accounts.errors import AddressTaken
from portal.accounts.imports import (
    EMPTY,
    ImportFile,
    ImportResult,
    ImportRow,
    in_parts,
    sorted_problems,
)
from portal.accounts.inserts import insert_missing, table_of
from portal.accounts.models import Account, Member
from portal.accounts.one_person import join_people
from portal.accounts.people import may_join
from portal.accounts.plans import ensure_plans
from portal.accounts.rules import (
    account_values,
    are_halves,
    email_key,
    from_double,
    member_values,
    new_account,
    new_member,
)
from portal.accounts.service import survivors
from portal.kit.errors import Unavailable
from portal.kit.files import Problem
from portal.kit.i18n import Message

Row = dict[str, Any]


def import_rows(session: Session, read: ImportFile, *, now: datetime, dry_run: bool) -> ImportResult:
    """Import what was read, all or nothing: with any problem, in the file or found here, nothing is written.

    A dry run writes nothing and locks nothing, so it may run on a reading session.
    """
    load = _import_accounts if read.kind == "accounts" else _import_members
    return load(session, read, now=now, dry_run=dry_run)


# --- customers --------------------------------------------------------------------------------------------------------


def _import_accounts(session: Session, read: ImportFile, *, now: datetime, dry_run: bool) -> ImportResult:
    names = sorted({row.external_id for row in read.rows if row.external_id})
    known = {row["external_id"]: row for row in _accounts(session, names, lock=not dry_run)}
    known |= _merged(session, [name for name in names if name not in known], lock=not dry_run)
    lines: dict[int, int] = {}
    new: list[Row] = []
    updates: list[Row] = []
    problems: list[Problem] = []
    for row in read.rows:
        there = known.get(row.external_id)
        if there is not None:
            earlier = lines.setdefault(there["id"], row.line)
            if earlier != row.line:
                said = Message(
                    "this customer was merged with that of line %(line)s; leave one of them out", line=earlier
                )
                problems.append(read.in_column(row.line, "external_id", said))
                continue
            values = account_values(there, row.changes)
            if values:
                updates.append({"id": there["id"], **values})
        elif "name" not in row.changes:
            problems.append(read.in_column(row.line, "name", EMPTY))
        else:
            fresh = new_account(str(row.external_id), now=now)
            new.append({**fresh, **account_values(fresh, row.changes)})
    result = replace(_result(read, problems, created=len(new), updated=len(updates)), added=new)
    if dry_run or not result.ok:
        return result
    ensure_plans(session, {str(row.changes["plan"]) for row in read.rows if row.changes.get("plan")})
    added = _insert(session, Account, new)
    _update(session, Account, updates)
    touched(session, [*added, *(row["id"] for row in updates)], now=now)
    return result


def _accounts(session: Session, names: Sequence[str], *, lock: bool) -> list[Row]:
    table = table_of(Account)
    rows: list[Row] = []
    for part in in_parts(names):
        query = select(table).where(table.c.external_id.in_(part)).order_by(table.c.id)
        rows += _mappings(session, query.with_for_update(key_share=True) if lock else query)
    return rows


def _merged(session: Session, names: Sequence[str], *, lock: bool) -> dict[str, Row]:
    """The survivors that ids of merged customers mean, by those ids."""
    found: dict[str, int] = {}
    for part in in_parts(names):
        found |= survivors(session, part)
    if not found:
        return {}
    table = table_of(Account)
    query = select(table).where(table.c.id.in_(sorted(set(found.values())))).order_by(table.c.id)
    rows = {row["id"]: row for row in _mappings(session, query.with_for_update(key_share=True) if lock else query)}
    return {name: rows[survivor] for name, survivor in found.items()}


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass
class _Person:
    """Someone of a customer, as stored (`before`) and as they will be (`row`); `line` is where the file names them."""

    row: Row
    before: Row | None
    line: int | None = None


@dataclass
class _People:
    """Everyone of the customers in the file, found as the database will find them; `joined` are those who turn out to
    be one, as (who stays, who goes)."""

    by_id: dict[tuple[int, str], _Person] = field(default_factory=dict)
    by_address: dict[tuple[int, str], _Person] = field(default_factory=dict)
    everyone: list[_Person] = field(default_factory=list)
    joined: list[tuple[int, int]] = field(default_factory=list)

    def add(self, person: _Person) -> None:
        self.everyone.append(person)
        self.place(person)

    def place(self, person: _Person) -> None:
        account_id = person.row["account_id"]
        if person.row["external_id"] is not None:
            self.by_id[account_id, person.row["external_id"]] = person
        if person.row["email_key"] is not None:
            self.by_address[account_id, person.row["email_key"]] = person

    def join(self, keep: _Person, gone: _Person) -> None:
        """The one who goes knows the product's id, the one who stays the address."""
        self.everyone.remove(gone)
        self.joined.append((keep.row["id"], gone.row["id"]))
        self.change(keep, {**member_values(keep.row, from_double(keep.row, gone.row))})

    def change(self, person: _Person, values: Mapping[str, object]) -> None:
        if "email_key" in values and person.row["email_key"] is not None:
            del self.by_address[person.row["account_id"], person.row["email_key"]]
        person.row = {**person.row, **values}
        self.place(person)


def _import_members(session: Session, read: ImportFile, *, now: datetime, dry_run: bool) -> ImportResult:
    names = sorted({row.account for row in read.rows if row.account})
    accounts = {row["external_id"]: int(row["id"]) for row in _accounts(session, names, lock=not dry_run)}
    merged = _merged(session, [name for name in names if name not in accounts], lock=not dry_run)
    accounts |= {name: int(row["id"]) for name, row in merged.items()}
    people = _People()
    for part in in_parts(sorted(accounts.values())):
        table = table_of(Member)
        for stored in _mappings(session, select(table).where(table.c.account_id.in_(part))):
            people.add(_Person(row=stored, before=stored))
    problems: list[Problem] = []
    for row in read.rows:
        account_id = accounts.get(row.account or "")
        if account_id is None:
            said = Message("there is no customer “%(account)s”; import accounts first", account=row.account)
            problems.append(read.in_column(row.line, "account", said))
        else:
            problems += _take(people, row, account_id, read=read, now=now)
    new = [person.row for person in people.everyone if person.before is None]
    changed = [person for person in people.everyone if person.before is not None and person.row is not person.before]
    result = _result(read, problems, created=len(new), updated=len(changed))
    if dry_run or not result.ok:
        return result
    with gathered(session, now=now):
        for keep, gone in people.joined:
            join_people(session, keep=session.get_one(Member, keep), gone=session.get_one(Member, gone), now=now)
        _write_people(session, new, changed, now=now)
    return result


def _write_people(session: Session, new: Sequence[Row], changed: Sequence[_Person], *, now: datetime) -> None:
    # An address may move from one person to another within the file: it is let go of first.
    _update(session, Member, [{"id": p.row["id"], "email_key": None} for p in changed if _moves(p)])
    updates = [_difference(person) for person in changed]
    _update(session, Member, updates)
    _insert(session, Member, new)
    touched(session, {int(row["account_id"]) for row in (*new, *(person.row for person in changed))}, now=now)


def _take(people: _People, row: ImportRow, account_id: int, *, read: ImportFile, now: datetime) -> list[Problem]:
    """Let one row have its effect in memory; what is wrong with it."""
    address = row.changes.get("email")
    person = people.by_id.get((account_id, row.external_id)) if row.external_id else None
    same_address = people.by_address.get((account_id, email_key(address))) if isinstance(address, str) else None
    if same_address is not None and same_address is not person:
        if same_address.line is not None:
            said = Message("the same address is in line %(line)s already", line=same_address.line)
            return [read.in_column(row.line, "email", said)]
        if person is not None and person.line is None and are_halves(person.row, same_address.row):
            people.join(same_address, person)
        elif person is not None or not may_join(same_address.row["external_id"], row.external_id):
            return [read.in_column(row.line, "email", AddressTaken(str(address)).message)]
        person = same_address
    told = dict(row.changes) if row.external_id is None else {**row.changes, "external_id": row.external_id}
    if person is None:
        if "email" not in row.changes:
            return [read.in_column(row.line, "email", EMPTY)]
        fresh = new_member(account_id, now=now)
        people.add(_Person(row={**fresh, **member_values(fresh, told)}, before=None, line=row.line))
        return []
    if person.line is not None:
        said = Message("the same person is in line %(line)s already", line=person.line)
        return [read.in_column(row.line, "external_id", said)]
    person.line = row.line
    values = member_values(person.row, told)
    if values:
        people.change(person, values)
    return []


def _moves(person: _Person) -> bool:
    return person.before is not None and person.before["email_key"] not in (None, person.row["email_key"])


def _difference(person: _Person) -> Row:
    before = person.before or {}
    return {"id": person.row["id"], **{key: value for key, value in person.row.items() if before.get(key) != value}}


# --- both -------------------------------------------------------------------------------------------------------------


def _result(read: ImportFile, found: Sequence[Problem], *, created: int, updated: int) -> ImportResult:
    unchanged = len(read.rows) - created - updated
    problems = sorted_problems([*read.problems, *found])
    return ImportResult(created=created, updated=updated, unchanged=unchanged, problems=problems)


def _mappings(session: Session, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in session.execute(query).mappings()]


def _insert(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> list[int]:
    added = [int(row[0]) for row in insert_missing(session, model, rows, returning=["id"])]
    if len(added) != len(rows):
        # Someone else added one of them since we looked; all or none means none.
        raise Unavailable(Message("Something else changed the same customers. Nothing was imported; please try again."))
    return added


def _update(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(sorted(row)), []).append(row)
    table = table_of(model)
    for keys, group in alike.items():
        values = {key: bound(f"new_{key}", table, key) for key in keys if key != "id"}
        statement = update(table).where(table.c.id == bound("of_id", table, "id")).values(values)
        session.connection().execute(
            statement, [{"of_id": row["id"], **{f"new_{key}": row[key] for key in values}} for row in group]
        )
    session.expire_all()


def bound(name: str, table: Table, column: str) -> BindParameter[Any]:
    """A place in a statement for a value of `column`, stored as that column stores it."""
    return bindparam(name, type_=table.c[column].type)
