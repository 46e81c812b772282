"""The wall holds in all the search says: results, totals, filters, suggestions, corrections, what to read instead."""

from __future__ import annotations

import re
from datetime import timedelta

from portal.search.models import Search
from tests.factories import NOW
from tests.portal.finding.conftest import MEMBER, PRO, STAFF, STRANGER, Portal

EVERYBODY = {"招待の料金"}
MEMBERS = EVERYBODY | {"メンバーを招待する", "招待を練習する"}
ON_PRO = MEMBERS | {"一括で招待する", "招待の特訓"}
SEES = {STRANGER: EVERYBODY, MEMBER: MEMBERS, PRO: ON_PRO, STAFF: ON_PRO | {"招待の新機能"}}
HIDDEN = {who: SEES[STAFF] - seen for who, seen in SEES.items()}


def titles(text: str) -> set[str]:
    return {re.sub(r"<[^>]+>", "", one) for one in re.findall(r'<a href="[^"]+" data-name[^>]*>(.*?)</a>', text)}


async def test_results_total_and_suggestions(portal: Portal) -> None:
    for who, seen in SEES.items():
        text = (await portal.get(who, "/search", q="招待")).text
        assert titles(text) == seen, who
        assert f"{len(seen)}件見つかりました" in text
        assert [title for title in HIDDEN[who] if title in re.sub(r"<[^>]+>", "", text)] == []
        answer = (await portal.get(who, "/search/suggest", q="しょうたい")).json()
        assert {"".join(part for part, _ in one["title"]) for one in answer["suggestions"]} == seen, who


async def test_corrections(portal: Portal) -> None:
    for who in SEES:
        text = (await portal.get(who, "/search", q="ゼブロ")).text
        assert ("ゼブラ" in text) is (who in (PRO, STAFF)), who


async def test_what_to_read_instead(portal: Portal) -> None:
    def opened(session: object) -> None:
        for number, key in enumerate(("document/pro", "document/june", "tutorial/special", "document/terms")):
            row = Search(token=str(number), hour=NOW, query="q", locale="ja", results=1, clicked=1, clicked_key=key)
            session.add(row)  # type: ignore[attr-defined]

    await portal.db.write(opened)
    for who in SEES:
        text = (await portal.get(who, "/search", q="ぬぬぬ")).text
        assert "招待の料金" in text
        assert [title for title in HIDDEN[who] if title in text] == [], who


async def test_filters_count_only_what_is_seen(portal: Portal) -> None:
    text = (await portal.get(MEMBER, "/search", q="招待")).text
    assert re.findall(r'kind=(\w+)">.*?<span class="count">(\d+)', text) == [
        ("manual", "1"),
        ("faq", "1"),
        ("tutorial", "1"),
    ]


async def test_what_comes_out_is_found_from_its_time_on(portal: Portal) -> None:
    assert "招待の新機能" not in (await portal.get(MEMBER, "/search", q="新機能")).text
    portal.clock.now += timedelta(days=3)
    assert titles((await portal.get(MEMBER, "/search", q="新機能")).text) == {"招待の新機能"}


async def test_a_document_that_moves_behind_the_wall_is_gone_at_once(portal: Portal) -> None:
    name = "content/faq/terms.ja.md"
    text = (portal.root / name).read_text(encoding="utf-8")
    await portal.publish({name: text.replace("public: true", "audience: {plan: pro}")})
    assert titles((await portal.get(MEMBER, "/search", q="招待の料金")).text).isdisjoint({"招待の料金"})
    (portal.root / name).unlink()
    await portal.publish({})
    assert "招待の料金" not in titles((await portal.get(STAFF, "/search", q="招待の料金")).text)


async def test_strangers_are_led_to_the_door_where_nothing_is_public(portal: Portal) -> None:
    (portal.root / "content/faq/terms.ja.md").unlink()
    await portal.publish({})
    for path in ("/search?q=x", "/search", "/search/suggest?q=x"):
        answer = await portal.get(STRANGER, path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in")
