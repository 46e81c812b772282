"""Contacts and tasks on both databases: what follows from them, what is taken back, and what is on record."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from sqlmodel import Session, col, select

from portal.accounts.service import id_of
from portal.accounts.staff import remove_staff
from portal.kit.db import Database
from portal.kit.errors import Invalid, NotFound
from portal.touch import contacts, tasks
from portal.touch.listing import State, list_tasks
from portal.touch.models import Contact, Task
from portal.touch.rules import Colleague, Said, Wanted
from tests.factories import NOW, make_account, make_staff

pytestmark = pytest.mark.anyio
SATO = Colleague(None, "sato@vendor.example", "佐藤")
TODAY = date(2026, 6, 3)
SOON, LATER = date(2026, 6, 10), date(2026, 6, 24)


def standing(session: Session, account_id: int) -> tuple[str, date | None] | None:
    found = contacts.touches_of(session, [account_id]).get(account_id)
    return (found.last_kind, found.next_on) if found else None


async def test_the_next_date_is_what_was_said_last_and_falls_back_when_that_is_taken_back(db: Database) -> None:
    def work(session: Session) -> None:
        one, other = (id_of(make_account(session)) for _ in range(2))

        def say(said: Said) -> Contact:
            return contacts.record_contact(session, account_id=one, said=said, by=SATO, now=NOW)

        assert standing(session, one) is None
        say(Said("phone", NOW - timedelta(days=3), "a", next_on=SOON))
        assert standing(session, one) == ("phone", SOON)
        say(Said("note", NOW, "a thought"))  # a note says nothing of when
        assert standing(session, one) == ("phone", SOON)
        mail = say(Said("mail", NOW - timedelta(days=9), "written down late"))
        assert standing(session, one) == ("phone", None)  # the newest said ends it; the latest stays the call
        contacts.remove_contact(session, mail, by=SATO, now=NOW)
        assert standing(session, one) == ("phone", SOON)
        contacts.restore_contact(session, mail)
        contacts.set_next_date(session, account_ids=[one, other], next_on=LATER, by=SATO, now=NOW)
        assert (standing(session, one), standing(session, other)) == (("phone", LATER), ("", LATER))
        contacts.set_next_date(session, account_ids=[one], next_on=None, by=SATO, now=NOW)
        assert standing(session, one) == ("phone", None)
        assert [row.kind for row in contacts.contacts_of(session, one, limit=9)] == [
            "note",
            "note",
            "note",
            "phone",
            "mail",
        ]
        for day in (TODAY - timedelta(days=1), date(2100, 1, 1)):
            with pytest.raises(Invalid):
                contacts.set_next_date(session, account_ids=[one], next_on=day, by=SATO, now=NOW)
        with pytest.raises(Invalid):
            say(Said("phone", NOW, " "))
        with pytest.raises(NotFound):
            contacts.contact_by_id(session, 99)

    await db.write(work)


async def test_a_task_lives_and_every_act_is_on_record(db: Database) -> None:
    def work(session: Session) -> None:
        account = id_of(make_account(session))
        me, other = (make_staff(session).id or 0 for _ in range(2))
        wanted = Wanted(" 電話する ", me, due_on=SOON, remind_on=SOON)
        task = tasks.make_task(session, account_id=account, wanted=wanted, by=SATO, now=NOW)
        assert task.title == "電話する"
        session.get_one(Task, task.id).reminded_at = NOW
        tasks.change_task(
            session, task, wanted=Wanted("電話する", other, due_on=SOON, remind_on=SOON), by=SATO, now=NOW
        )
        kept = session.get_one(Task, task.id)
        assert kept.staff_id == other
        assert kept.reminded_at is None  # whoever has it now was never told
        tasks.change_task(
            session, task, wanted=Wanted("電話する", other, due_on=SOON, remind_on=SOON), by=SATO, now=NOW
        )
        for _ in range(2):
            tasks.finish_task(session, task, outcome=" つながった ", by=SATO, now=NOW)
        assert task.outcome == "つながった"
        tasks.reopen_task(session, task, by=SATO, now=NOW)
        tasks.remove_task(session, task, by=SATO, now=NOW)
        tasks.restore_task(session, task, by=SATO, now=NOW)
        record = [(one.kind, one.text) for one in tasks.history_of(session, task)]
        assert record == [
            ("made", ""),
            ("handed", "佐藤 2"),
            ("done", "つながった"),
            ("reopened", ""),
            ("removed", ""),
            ("restored", ""),
        ]

    await db.write(work)


async def test_tasks_that_cannot_be_made(db: Database) -> None:
    def work(session: Session) -> None:
        account = id_of(make_account(session))
        owner, gone = make_staff(session, role="owner"), make_staff(session)
        remove_staff(session, gone, now=NOW)
        for wanted, wrong in (
            (Wanted(" ", owner.id or 0), ["title"]),
            (Wanted("x" * 201, owner.id or 0, "y" * 4001), ["title", "note"]),
            (Wanted("x", gone.id or 0), ["staff_id"]),
            (Wanted("", 99, due_on=date(1999, 1, 1)), ["title", "due_on", "staff_id"]),
        ):
            with pytest.raises(Invalid) as error:
                tasks.make_task(session, account_id=account, wanted=wanted, by=SATO, now=NOW)
            assert [one.field for one in error.value.problems] == wrong
        assert session.exec(select(col(Task.id))).all() == []

    await db.write(work)


async def test_lists_most_urgent_first(db: Database) -> None:
    def work(session: Session) -> None:
        one, other = (id_of(make_account(session)) for _ in range(2))
        me, them = (make_staff(session).id or 0 for _ in range(2))
        due = {"late": TODAY - timedelta(days=1), "now": TODAY, "week": TODAY + timedelta(days=2), "far": LATER}
        for title, day in (*due.items(), ("some day", None), ("done", None), ("gone", None)):
            wanted = Wanted(title, me if title != "now" else them, due_on=day)
            task = tasks.make_task(session, account_id=one, wanted=wanted, by=SATO, now=NOW)
            if title == "done":
                tasks.finish_task(session, task, outcome="", by=SATO, now=NOW)
            if title == "gone":
                tasks.remove_task(session, task, by=SATO, now=NOW)

        def titles(state: State, *, staff_id: int | None = None, account_id: int | None = None) -> list[str]:
            found = list_tasks(
                session,
                today=TODAY,
                week_ends=date(2026, 6, 7),
                state=state,
                staff_id=staff_id,
                account_id=account_id,
            )
            assert found.counts[state] == len(found.rows)
            return [row.task.title for row in found.rows]

        assert titles("open") == ["late", "now", "week", "far", "some day"]
        assert titles("open", staff_id=me) == ["late", "week", "far", "some day"]
        assert titles("open", account_id=other) == []
        single: tuple[tuple[State, str], ...] = (
            ("overdue", "late"),
            ("today", "now"),
            ("week", "week"),
            ("done", "done"),
        )
        for state, expected in single:
            assert titles(state) == [expected]
        assert titles("removed") == ["gone"]
        second = list_tasks(session, today=TODAY, week_ends=LATER, page=9, limit=2)
        assert ([row.task.title for row in second.rows], second.page, second.pages) == (["some day"], 3, 3)

    await db.write(work)


async def test_colleagues_who_write_down_a_contact_at_once_both_have_it_on_record(db: Database) -> None:
    account = await db.write(lambda session: id_of(make_account(session)))

    def say(session: Session) -> None:
        contacts.record_contact(session, account_id=account, said=Said("phone", NOW, "a"), by=SATO, now=NOW)

    await asyncio.gather(*(db.write(say) for _ in range(4)))
    assert len(await db.read(lambda session: contacts.contacts_of(session, account, limit=9))) == 4
    assert await db.read(lambda session: standing(session, account)) == ("phone", None)
