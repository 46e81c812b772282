"""Two customers that are one: everything of the one becomes the other's, on record, and for a day it can be undone.

What belongs to a customer is found by the foreign keys of all tables, so that a room added later is merged too. Before
and after are compared row by row, and the difference is what undoing takes back: exactly, where nothing has happened
since, and otherwise only what is still as the merge left it. Events, which are too many for that, are the business of
the room that holds them: it subscribes with `joiners`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from portal.accounts.changes import touched
from portal.accounts.models import Account, Member
from portal.accounts.records import AccountMerge
from portal.accounts.rows_of import (
    Snapshot,
    changed_rows,
    is_row,
    key_of,
    links,
    packed,
    parents,
    repoint,
    snapshot,
    tables,
    unpacked,
)
from portal.accounts.rules import account_values, from_double, member_values
from portal.accounts.service import account_row, id_of, lock_accounts
from portal.kit.errors import Conflict
from portal.kit.i18n import Message

UNDOABLE: Final = timedelta(days=1)
LONGEST_REASON: Final = 1000
KEPT_OF_SURVIVOR: Final = frozenset(
    {"id", "external_id", "search_key", "name_key", "reading_key", "is_stub", "recorded_at"}
)


@dataclass
class Joining:
    """A merge under way. `members` are those of `gone_id` who turned out to be somebody of `keep_id`, and who they are;
    `aliases` ids of the product by which somebody was called, and by which they are called from now on."""

    keep_id: int
    gone_id: int
    members: dict[int, int] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parting:
    """A merge being undone; `ids` leads from the ids that were to those that are, by table."""

    keep_id: int
    gone_id: int
    ids: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Joiner:
    """How a room merges what has no rows of its own here: `join` gives what `part` needs to take it back.

    `settle` comes last, either way: it works out anew, for the accounts there are by then, what follows from rows.
    """

    name: str
    join: Callable[[Session, Joining, datetime], Any] = lambda _session, _joining, _now: None
    part: Callable[[Session, Parting, Any], None] = lambda _session, _parting, _told: None
    settle: Callable[[Session, Sequence[int]], None] = lambda _session, _accounts: None


joiners: list[Joiner] = []


def subscribe(joiner: Joiner) -> None:
    """For the composition root; twice counts once."""
    if all(one.name != joiner.name for one in joiners):
        joiners.append(joiner)


def merge_accounts(
    session: Session, *, keep: Account, gone: Account, by: str, reason: str = "", now: datetime
) -> AccountMerge:
    """Everything of `gone` is `keep`'s from now on, and its id means `keep`. `Conflict` for one and the same."""
    keep_id, gone_id = id_of(keep), id_of(gone)
    if keep_id == gone_id:
        raise Conflict(Message("A customer cannot be merged with itself. Nothing was changed."))
    lock_accounts(session, [keep_id, gone_id])
    session.flush()
    if any(session.get(Account, one, populate_existing=True) is None for one in (keep_id, gone_id)):
        raise Conflict(Message("One of these customers was merged or deleted meanwhile. Nothing was changed."))
    ref, name = gone.external_id, gone.name
    before = snapshot(session, [keep_id, gone_id])
    joining = Joining(keep_id, gone_id)
    _join_people(session, before, joining)
    rest = {one.name: one.join(session, joining, now) for one in joiners}
    repoint(session, before, {"account": {joining.gone_id: joining.keep_id}, "member": joining.members})
    earlier = _take_merges(session, joining)
    _let_go(session, before, joining)
    _fold_people(session, before, joining)
    _fill(session, keep, before["account"][gone_id,])
    session.expire_all()
    for one in joiners:
        one.settle(session, [keep_id])
    touched(session, [keep_id], now=now)
    session.flush()
    after = snapshot(session, [keep_id])
    row = AccountMerge(
        account_id=keep_id,
        merged_ref=ref,
        merged_name=name,
        by=by[:200],
        reason=reason.strip()[:LONGEST_REASON],
        at=now,
        undo={"gone": gone_id, "rows": packed(changed_rows(before, after)), "rest": rest, "earlier": earlier},
    )
    session.add(row)
    session.flush()
    return row


def undo_merge(session: Session, row: AccountMerge, *, by: str, now: datetime) -> Account:
    """The two are two again: the one that was gone. `Conflict` where that is over, or was done."""
    lock_accounts(session, [row.account_id])
    session.flush()
    session.refresh(row)  # whoever was first has done it by now
    if row.undone_at is not None or not row.undo or now >= row.at + UNDOABLE:
        raise Conflict(Message("This merge cannot be undone any more."))
    keep_id, gone_id = row.account_id, row.undo["gone"]
    ids = _restore(session, unpacked(row.undo["rows"]), snapshot(session, [keep_id]))
    back = ids.get("account", {}).get(gone_id, gone_id)
    session.expire_all()
    for one in joiners:
        one.part(session, Parting(keep_id, back, ids), row.undo["rest"].get(one.name))
    for merge_id, undo in row.undo["earlier"]:
        mine = update(AccountMerge).where(col(AccountMerge.id) == merge_id)
        session.execute(mine.values(account_id=back, undo=undo if back == gone_id else {}))
    row.undone_at, row.undone_by, row.undo = now, by[:200], {}
    session.add(row)
    session.flush()
    session.expire_all()
    for one in joiners:
        one.settle(session, [keep_id, back])
    touched(session, [keep_id, back], now=now)
    return session.get_one(Account, back)


def merges_of(session: Session, account_id: int) -> Sequence[AccountMerge]:
    """What was merged into this customer, the last first."""
    asked = select(AccountMerge).where(col(AccountMerge.account_id) == account_id).order_by(col(AccountMerge.id).desc())
    return session.execute(asked).scalars().all()


def forget_undo(session: Session, *, now: datetime) -> None:
    """What can be undone no more needs nothing to undo it by."""
    over = update(AccountMerge).where(col(AccountMerge.at) <= now - UNDOABLE, col(AccountMerge.undone_at).is_(None))
    session.execute(over.values(undo={}))


# --- there ------------------------------------------------------------------------------------------------------------


def _join_people(session: Session, before: Snapshot, joining: Joining) -> None:
    """Who is in both is one: by the product's id, else by the mail address."""
    ours = [row for row in before["member"].values() if row["account_id"] == joining.keep_id]
    by_ref = {row["external_id"]: row for row in ours if row["external_id"] is not None}
    by_mail = {row["email_key"]: row for row in ours if row["email_key"] is not None}
    taken: set[int] = set()
    for row in before["member"].values():
        if row["account_id"] != joining.gone_id:
            continue
        found = by_ref.get(row["external_id"]) or by_mail.get(row["email_key"])
        if found is None or found["id"] in taken:
            continue
        taken.add(found["id"])
        joining.members[row["id"]] = found["id"]
        if row["external_id"] and found["external_id"] and row["external_id"] != found["external_id"]:
            joining.aliases[row["external_id"]] = found["external_id"]


def _take_merges(session: Session, joining: Joining) -> list[tuple[int | None, Any]]:
    """What was merged into the one that goes now means the survivor too; alone it cannot be undone meanwhile."""
    theirs = col(AccountMerge.account_id) == joining.gone_id
    earlier = [
        (one, undo) for one, undo in session.execute(select(col(AccountMerge.id), col(AccountMerge.undo)).where(theirs))
    ]
    session.execute(update(AccountMerge).where(theirs).values(account_id=joining.keep_id, undo={}))
    return earlier


def _let_go(session: Session, before: Snapshot, joining: Joining) -> None:
    """Delete what nothing points to any more; what still does is of no use to the survivor, and goes with it."""
    gone = set(before["account"]) - {(joining.keep_id,)}
    member = {(one,) for one in joining.members}
    for table in reversed(tables()):
        if table.name in ("account", "member"):
            for key in gone if table.name == "account" else member:
                session.connection().execute(delete(table).where(*is_row(table, key)))


def _fill(session: Session, keep: Account, gone: Mapping[str, Any]) -> None:
    """What the survivor lacks it has from the other; a survivor of which only the id was known is described by it."""
    session.refresh(keep)
    known = account_row(keep)
    described = bool(known["is_stub"]) and not gone["is_stub"]
    values: dict[str, Any] = {}
    for name, value in gone.items():
        if name in KEPT_OF_SURVIVOR or value in (None, "", [], {}):
            continue
        if name == "traits":
            values[name] = {**value, **keep.traits}
        elif described or known[name] in (None, "", []):
            values[name] = value
    if keep.left_at is None:
        values.pop("left_at", None)
        values.pop("notice_at", None)
    if "plan_key" in values:
        values["plan"] = values.pop("plan_key")
    changed = account_values(known, values) if values else {}
    changed["is_stub"] = bool(known["is_stub"]) and bool(gone["is_stub"])
    for name, value in changed.items():
        setattr(keep, name, value)
    session.add(keep)
    session.flush()


def _fold_people(session: Session, before: Snapshot, joining: Joining) -> None:
    """What the survivor's people lack they have from their doubles."""
    for gone_id, keep_id in joining.members.items():
        gone, known = before["member"][gone_id,], before["member"][keep_id,]
        told = from_double(known, gone)
        if gone["left_at"] is None or known["left_at"] is None:
            told["left_at"] = None
        else:
            told["left_at"] = max(gone["left_at"], known["left_at"])
        values = member_values(known, told)
        values["is_stub"] = known["is_stub"] and gone["is_stub"]
        session.connection().execute(update(Member).where(col(Member.id) == keep_id).values(values))


# --- and back ---------------------------------------------------------------------------------------------------------


def _restore(
    session: Session,
    changed: Mapping[str, Sequence[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]],
    current: Snapshot,
) -> dict[str, dict[int, int]]:
    ids: dict[str, dict[int, int]] = {}
    order = tables()
    for table in reversed(order):
        for was, then in changed.get(table.name, ()):
            if was is None and then is not None:
                key = key_of(table, then)
                if current[table.name].get(key) == then:
                    session.connection().execute(delete(table).where(*is_row(table, key)))
    for table in (one for one in order if one.name in parents()):
        _put_back(session, table, changed, ids)
    for table in order:
        for was, then in changed.get(table.name, ()):
            if was is not None and then is not None:
                now = current[table.name].get(key_of(table, then))
                if now is not None:
                    back = {
                        name: value
                        for name, value in _remapped(table, was, ids).items()
                        if was[name] != then[name] and now[name] == then[name]
                    }
                    if back:
                        session.connection().execute(
                            update(table).where(*is_row(table, key_of(table, then))).values(back)
                        )
    for table in (one for one in order if one.name not in parents()):
        _put_back(session, table, changed, ids)
    return ids


def _put_back(session: Session, table: Any, changed: Mapping[str, Any], ids: dict[str, dict[int, int]]) -> None:
    """Insert what the merge let go of, under a fresh id where the old one was given to another row meanwhile."""
    for was, then in changed.get(table.name, ()):
        if was is None or then is not None:
            continue
        row = _remapped(table, was, ids)
        key = key_of(table, row)
        taken = session.connection().execute(select(table).where(*is_row(table, key))).first() is not None
        if taken and "id" in row and table.name in parents():
            fresh = {name: value for name, value in row.items() if name != "id"}
            new_id = session.connection().execute(insert(table).values(fresh).returning(table.c.id)).scalar_one()
            ids.setdefault(table.name, {})[row["id"]] = new_id
        elif taken and "id" in row:
            fresh = {name: value for name, value in row.items() if name != "id"}
            session.connection().execute(insert(table).values(fresh))
        elif not taken:
            session.connection().execute(insert(table).values(row))


def _remapped(table: Any, row: Mapping[str, Any], ids: Mapping[str, Mapping[int, int]]) -> dict[str, Any]:
    found = dict(row)
    for name, parent in links(table).items():
        found[name] = ids.get(parent, {}).get(row[name], row[name])
    return found
