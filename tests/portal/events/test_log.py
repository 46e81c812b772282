"""The log is written past SQLAlchemy: what goes in comes out the same, and each message once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.events.log import Line, fingerprint, write
from portal.events.models import Event
from portal.events.sources import portal_source_id
from portal.kit.db import Database
from tests.factories import NOW

TOKYO_HOURS = timezone(timedelta(hours=9))


def line(source_id: int, message_id: str, **changes: Any) -> Line:
    made = Line(
        fingerprint=fingerprint(source_id, message_id, from_browser=False),
        source_id=source_id,
        message_id=message_id,
        from_browser=False,
        kind="track",
        name="支払い",
        at=datetime(2026, 6, 3, 10, 0, 0, 5, tzinfo=TOKYO_HOURS),
        received_at=NOW,
        account_id=None,
        member_id=None,
        user_ref="u'1\\",
        anonymous_ref=None,
        group_ref="{g,1}",
        properties={"list": [1, 2.5, None, "“”,{}"], "is": True},
    )
    return made._replace(**changes)


async def test_lines_come_back_as_they_were_written(db: Database) -> None:
    def work(session: Session) -> list[Any]:
        source = portal_source_id(session, now=NOW)
        assert (
            len(write(session, [line(source, "a"), line(source, "b", from_browser=True, name="{}", properties={})]))
            == 2
        )
        columns = [col(getattr(Event, name)) for name in Line._fields]
        rows = session.connection().execute(select(*columns).order_by(col(Event.message_id))).all()
        return [Line(*row)._replace(source_id=0, fingerprint=b"") for row in rows]

    first, second = await db.write(work)
    assert first == line(0, "a", fingerprint=b"")
    assert first.at.utcoffset() == timedelta(0)
    assert second == line(0, "b", fingerprint=b"", from_browser=True, name="{}", properties={})


async def test_what_is_on_record_is_passed_over_and_the_others_keep_their_ids(db: Database) -> None:
    def work(session: Session) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        source = portal_source_id(session, now=NOW)
        named = {fingerprint(source, one, from_browser=False): one for one in "abcd"}
        first = write(session, [line(source, "b")])
        again = write(session, [line(source, one) for one in "abcd"])
        stored = session.connection().execute(select(col(Event.message_id), col(Event.id)))
        return (
            {named[one]: event_id for one, event_id in first.items()},
            {named[one]: event_id for one, event_id in again.items()},
            {message_id: event_id for message_id, event_id in stored if event_id is not None},
        )

    first, again, stored = await db.write(work)
    assert again.keys() == {"a", "c", "d"}
    assert stored == first | again


def test_a_message_is_unique_by_source_and_by_who_may_be_believed() -> None:
    made = {
        fingerprint(source, message, from_browser=browser)
        for source in (1, 11)
        for message in ("1", "1/0", "0/1", "")
        for browser in (True, False)
    }
    assert len(made) == 16
    assert {len(one) for one in made} == {12}
