"""The vendor's calendar in the browser: seen by whoever sees customers, changed by whoever acts for them."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest
from sqlmodel import Session

from portal.kit.db import Database
from portal.workdays import pages
from portal.workdays.service import calendar_of
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import Clock, browser, portal_with

pytestmark = pytest.mark.anyio
HERE = "/staff/calendar"


async def test_a_year_is_shown_and_changed(db: Database) -> None:
    clock = Clock()
    clock.now = NOW
    app = portal_with(db, clock, pages.router)
    token = await db.write(lambda session: sign_in_as(session, make_staff(session)))
    async with browser(app, token) as staff:
        shown = unescape((await staff.get(f"{HERE}?year=2026")).text)
        for text in ("文化の日", "年末年始", "お盆休み", "今日は営業日です", "6月4日(木)"):
            assert text in shown, text
        csrf = shown.split('name="csrf" value="')[1].split('"')[0]

        async def send(path: str, **fields: object) -> tuple[int, str]:
            answer = await staff.post(f"{HERE}{path}", data={"csrf": csrf, **fields})
            return answer.status_code, unescape(answer.text)

        assert (await send("", weekdays=["0", "1", "2", "3"], holidays="1"))[0] == 303
        assert (await send("/days", first="2026-06-08", last="2026-06-09", name="<b>社員旅行</b>"))[0] == 303
        assert (await send("/days", first="2026-06-13", name="引っ越し", kind="open"))[0] == 303
        shown = (await staff.get(f"{HERE}?year=2026")).text
        assert "&lt;b&gt;社員旅行" in shown
        assert "お盆休み" not in shown
        calendar = await db.read(calendar_of)
        assert (calendar.weekdays, calendar.obon) == (frozenset(range(4)), False)
        assert calendar.add_business_days(date(2026, 6, 4), 1) == date(2026, 6, 10)
        assert calendar.is_business_day(date(2026, 6, 13))

        for path, fields, said in (
            ("", {}, "1つ以上選んで"),
            ("/days", {"first": "2026-02-30"}, "実在する日付"),
            ("/days", {"first": "2026-06-09", "last": "2026-06-08", "name": "旅"}, "前になっています"),
            ("/days", {"first": "2026-01-01", "last": "2026-12-31"}, "62日まで"),
            ("/days", {"first": "1926-01-01"}, "2000年から"),
        ):
            status, text = await send(path, **fields)
            assert (status, said in text) == (422, True), (path, fields)
        assert 'value="旅"' in (await send("/days", first="x", name="旅"))[1]  # what was typed is kept
        assert await db.read(calendar_of) == calendar

        assert (await send("/days/2026-06-08/forget"))[0] == 303
        assert (await send("/days/2026-06-08/forget"))[0] == 404
        assert (await send("/days/someday/forget"))[0] == 404
        assert (await db.read(calendar_of)).is_business_day(date(2026, 6, 8))


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_viewer_looks_and_an_editor_does_not(db: Database) -> None:
    app = portal_with(db, Clock(), pages.router)

    def people(session: Session) -> list[str]:
        return [sign_in_as(session, make_staff(session, role=role)) for role in ("viewer", "editor")]

    viewer, editor = await db.write(people)
    async with browser(app, viewer) as looking, browser(app, editor) as writing:
        shown = await looking.get(HERE)
        assert (shown.status_code, '<form class="card' in shown.text) == (200, False)
        assert (await looking.post(HERE, data={"weekdays": "1"})).status_code == 403
        assert (await writing.get(HERE)).status_code == 403
