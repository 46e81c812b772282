"""What a source sent, day by day, and what of it was not taken: for the page on which its developers look for it.

Written in the transaction that takes the events in, as cheaply as can be: a counter for each name in the batch, and one
short row for what was turned away. Nothing is written for each event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import bindparam, delete, func, insert, select
from sqlmodel import Session, col

from portal.events.dialect import dialect_of, earlier, insert_into, later
from portal.events.models import SourceDay, TurnedAway
from portal.kit.clock import local_day

NOT_TAKEN = ""
"""The name under which duplicates and rejected messages are counted: no event has it."""
KEPT = 200
KEPT_FOR = timedelta(days=14)
TRIMMED_EVERY = 32
NOTED_TOGETHER = 20
"""Rows about requests of one batch, at most; the others are only counted, so that a flood of nonsense is cheap."""
SAMPLE_CHARS = 1000
SAMPLED_IDS = 3


@dataclass(frozen=True, slots=True)
class Refused:
    """What of one request was refused before it reached the log: how many for each code, and the first of them."""

    codes: Mapping[str, int]
    sample: str

    @property
    def count(self) -> int:
        """How many messages."""
        return sum(self.codes.values())


Taken = tuple[int, str, datetime]
"""One stored event, as far as it is counted: its id, its name, and when it happened."""


def refused_of(messages: Sequence[object], refused: Sequence[tuple[int, str]]) -> Refused | None:
    """`refused` are (index in `messages`, code); None where nothing was."""
    if not refused:
        return None
    return Refused(Counter(code for _, code in refused), clipped(messages[refused[0][0]]))


def clipped(message: object) -> str:
    """The beginning of a message, as text every database can keep."""
    try:
        text = orjson.dumps(message).decode()
    except (TypeError, RecursionError):
        text = repr(message)[: SAMPLE_CHARS * 2].encode("utf-8", "replace").decode()
    text = text.replace("\\u0000", "").replace("\0", "")
    return text if len(text) <= SAMPLE_CHARS else text[: SAMPLE_CHARS - 1] + "…"


def count_taken(
    session: Session,
    source_id: int,
    taken: Iterable[Taken],
    *,
    duplicates: Sequence[str],
    rejected: Mapping[str, int],
    received_at: datetime,
    zone: ZoneInfo,
) -> None:
    """Count what one batch brought. `duplicates` are the message ids of those, `rejected` how many for each code."""
    day = local_day(received_at, zone)
    rows: dict[str, dict[str, Any]] = {}
    for event_id, name, at in taken:
        row = rows.get(name)
        if row is None:
            rows[name] = _row(source_id, day, name, first=at, last=at, accepted=1, newest=event_id)
        else:
            row["accepted"] += 1
            row["first_at"] = min(row["first_at"], at)
            row["last_at"] = max(row["last_at"], at)
            row["last_event_id"] = max(row["last_event_id"], event_id)
    if duplicates or rejected:
        count = sum(rejected.values())
        rows[NOT_TAKEN] = _row(source_id, day, NOT_TAKEN, duplicates=len(duplicates), rejected=count)
        sample = orjson.dumps({"messageId": duplicates[:SAMPLED_IDS]}).decode() if duplicates else ""
        _note(session, source_id, [(len(duplicates), rejected, clipped_text(sample))], at=received_at)
    if rows:
        # In one order everywhere, and the row that any request may add to last: nobody waits in a circle.
        in_order = sorted(rows, key=lambda name: (name == NOT_TAKEN, name))
        session.connection().execute(_adding(dialect_of(session)), [rows[name] for name in in_order])


def note_refused(
    session: Session, source_id: int, refused: Sequence[Refused], *, received_at: datetime, zone: ZoneInfo
) -> None:
    """Count and note what requests brought that could not even be read as events."""
    if not refused:
        return
    day = local_day(received_at, zone)
    total = sum(one.count for one in refused)
    row = _row(source_id, day, NOT_TAKEN, rejected=total)
    session.connection().execute(_adding(dialect_of(session)), [row])
    _note(session, source_id, [(0, one.codes, one.sample) for one in refused[:NOTED_TOGETHER]], at=received_at)


def forget_turned_away(session: Session, *, now: datetime) -> None:
    """For the worker, nightly: what was turned away is kept for two weeks, and then for nobody."""
    session.connection().execute(delete(TurnedAway).where(col(TurnedAway.at) < now - KEPT_FOR))


def clipped_text(text: str) -> str:
    """`text` short enough to be a sample."""
    return text[:SAMPLE_CHARS]


def _row(
    source_id: int,
    day: date,
    name: str,
    *,
    first: datetime | None = None,
    last: datetime | None = None,
    accepted: int = 0,
    duplicates: int = 0,
    rejected: int = 0,
    newest: int | None = None,
) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "day": day,
        "name": name,
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": rejected,
        "first_at": first,
        "last_at": last,
        "last_event_id": newest,
    }


@cache
def _adding(dialect: str) -> Any:
    adding = insert_into(dialect, SourceDay)
    new = adding.excluded
    summed = {name: getattr(SourceDay, name) + new[name] for name in ("accepted", "duplicates", "rejected")}
    return adding.on_conflict_do_update(
        index_elements=["source_id", "day", "name"],
        set_={
            **summed,
            "first_at": earlier(dialect, col(SourceDay.first_at), new.first_at),
            "last_at": later(dialect, col(SourceDay.last_at), new.last_at),
            "last_event_id": later(dialect, col(SourceDay.last_event_id), new.last_event_id),
        },
    )


def _note(
    session: Session, source_id: int, notes: Sequence[tuple[int, Mapping[str, int], str]], *, at: datetime
) -> None:
    rows = [
        {"source_id": source_id, "at": at, "duplicates": duplicates, "codes": dict(codes), "sample": sample}
        for duplicates, codes, sample in notes
    ]
    ids = session.connection().scalars(_NOTING, rows).all()
    if any(one % TRIMMED_EVERY == 0 for one in ids if one is not None):
        session.connection().execute(_TRIMMING, {"source": source_id})


_NOTING = insert(TurnedAway).returning(col(TurnedAway.id))
_OLDEST_KEPT = (
    select(col(TurnedAway.id))
    .where(col(TurnedAway.source_id) == bindparam("source"))
    .order_by(col(TurnedAway.id).desc())
    .offset(KEPT)
    .limit(1)
    .scalar_subquery()
)
_TRIMMING = delete(TurnedAway).where(
    col(TurnedAway.source_id) == bindparam("source"), col(TurnedAway.id) <= func.coalesce(_OLDEST_KEPT, 0)
)
