"""What became of fields, for the audit log: heard from the session itself, so that no service has to say it twice.

Only the columns named here are told of, as [before, after]; secrets and their hashes are not among them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import event, inspect
from sqlmodel import Session

from portal.accounts.trail import COMMAND_LINE, TrailKind, record

T = TypeVar("T")
LONGEST_VALUE = 200
MOST_VALUES = 50
MOST_ROWS = 100
NOTHING: tuple[object, ...] = ("", [], {})
TOLD: Mapping[str, frozenset[str]] = {
    "account": frozenset(
        [
            "external_id",
            "name",
            "name_kana",
            "plan_key",
            "seats",
            "tier",
            "owner",
            "started_at",
            "renews_at",
            "notice_by",
            "mrr",
            "currency",
            "notice_at",
            "left_at",
            "goal",
            "mail_domains",
            "traits",
        ]
    ),
    "member": frozenset(
        ["external_id", "email", "name", "name_kana", "role", "department", "locale", "joined_at", "left_at", "traits"]
    ),
    "plan": frozenset({"title", "limits", "features", "rank"}),
    "staff": frozenset({"email", "name", "role", "removed_at"}),
    "api_key": frozenset({"name", "scope", "revoked_at"}),
    "source": frozenset({"name", "origins", "revoked_at", "keep_months", "events_per_second", "webhook_auth"}),
    "webhook_endpoint": frozenset({"description", "event_types", "disabled_at"}),
    "segment": frozenset({"title", "condition", "origin", "archived_at"}),
    "mail_template": frozenset({"title", "texts"}),
    "mail_rule": frozenset({"template_key", "whom", "days", "checklist_key", "switched_on_at"}),
    "mail_settings": frozenset({"opens", "closes", "per_person", "per_account", "footer", "reply_to"}),
    "alert_channel": frozenset({"title", "kind", "hint", "wants", "silent_days", "off_at"}),
    "summary_reader": frozenset({"name", "email", "revoked_at"}),
    "work_week": frozenset({"weekdays", "holidays", "new_year", "obon"}),
}
"""The columns of which the log tells what they were and are; hashes and secrets are not among them."""
ABOUT_ACCESS = frozenset({"staff", "api_key", "source"})
WAYS_IN = ("banso link", "/code")


@contextlib.contextmanager
def changes_in(session: Session) -> Iterator[dict[str, Any]]:
    """What the block changes: by table and name, the columns with their values before and after."""
    changes: dict[str, Any] = {}

    def hear(flushed: Session, _context: object, _instances: object) -> None:
        _gather(flushed, changes)

    event.listen(session, "before_flush", hear)
    try:
        yield changes
        session.flush()
    finally:
        event.remove(session, "before_flush", hear)


def on_trail(work: Callable[[Session], T], *, act: str, now: datetime) -> Callable[[Session], T]:
    """`work`, as done from the command line: with its line in the audit log."""

    def recorded(session: Session) -> T:
        with changes_in(session) as changes:
            done = work(session)
        detail = {"changes": changes} if changes else {}
        record(session, by=COMMAND_LINE, act=act, kind=kind_of(act, changes), now=now, detail=detail)
        return done

    return recorded


def kind_of(act: str, changes: Mapping[str, Any]) -> TrailKind:
    """Whether an act is about who gets in and what they may do, or about anything else."""
    is_access = act.endswith(WAYS_IN) or {name.partition(" ")[0] for name in changes} & ABOUT_ACCESS
    return "access" if is_access else "changed"


def _gather(session: Session, changes: dict[str, Any]) -> None:
    for row in [*session.new, *session.dirty, *session.deleted]:
        table = row.__tablename__
        columns = TOLD.get(table)
        if columns is None:
            continue
        state, name_of = inspect(row), f"{table} {_name_of(row)}".strip()
        if name_of not in changes and len(changes) >= MOST_ROWS:
            continue  # an import is told of by its first rows
        told = changes.setdefault(name_of, {})
        for name in sorted(columns & set(state.mapper.column_attrs.keys())):
            history = state.attrs[name].history
            if history.has_changes():
                before = told[name][0] if name in told else plain(history.deleted[0] if history.deleted else None)
                after = plain(history.added[0] if history.added else None)
                told[name] = [before, after]
                if before == after or (before is None and after in NOTHING):
                    del told[name]
        if row in session.deleted and table != "member":  # an erased person is not named once more
            told["deleted"] = [False, True]
        if not told:
            del changes[name_of]


def _name_of(row: Any) -> str:
    names = ("external_id", "email", "name", "key", "kind")
    return str(next((value for name in names if (value := getattr(row, name, None))), ""))


def plain(value: Any) -> Any:
    """As JSON, and cut short."""
    match value:
        case None | bool() | int() | float():
            return value
        case datetime() | date():
            return value.isoformat()
        case Decimal() | timedelta():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in list(value)[:MOST_VALUES]]
        case dict():
            return {str(name): plain(one) for name, one in list(value.items())[:MOST_VALUES]}
    return str(value)[:LONGEST_VALUE]
