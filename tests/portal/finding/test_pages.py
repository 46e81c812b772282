"""The pages of the search, in a browser without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from portal.search.models import Search
from tests.factories import NOW
from tests.library import document
from tests.portal.finding.conftest import MEMBER, STAFF, STRANGER, Portal
from tests.portal.finding.test_wall import titles

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
SYNONYMS = "/staff/search/synonyms"


async def searches(portal: Portal) -> list[Search]:
    return await portal.db.read(lambda session: list(session.exec(select(Search))))


async def test_results_are_marked_links(portal: Portal) -> None:
    text = (await portal.get(MEMBER, "/search", q="ｼｮｳﾀｲ 招待ﾒｰﾙ")).text
    assert '<a href="/manuals/invite/invite"' in text
    assert "<mark>招待メール</mark>を送ります。" in text
    assert '<input class="input" id="f-search" type="search" name="q" value="ｼｮｳﾀｲ 招待ﾒｰﾙ"' in text
    assert '<meta name="robots" content="noindex">' in text


async def test_one_document_in_the_readers_language(portal: Portal) -> None:
    assert "招待する" in str(titles((await portal.get(MEMBER, "/search", q="invite")).text))
    english = (await portal.get("english member", "/search", q="invite")).text
    assert "Invite a member" in titles(english)
    assert "メンバーを招待する" not in english
    assert "1 result" in english or "results" in english


async def test_words_are_only_words(portal: Portal) -> None:
    for q in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "%00", "' OR 1=1 --", "a" * 5_000):
        text = (await portal.get(MEMBER, "/search", q=q)).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


async def test_filters_stand_in_the_address(portal: Portal) -> None:
    text = (await portal.get(MEMBER, "/search", q="招待", kind="faq")).text
    assert titles(text) == {"招待の料金"}
    assert (
        'href="/search?q=%E6%8B%9B%E5%BE%85" aria-label="絞り込み「よくある質問」を外す"' in text or "chip-on" in text
    )
    assert titles((await portal.get(MEMBER, "/search", q="招待", kind="nonsense")).text) == set()
    assert "絞り込みをやめて検索する" in (await portal.get(MEMBER, "/search", q="招待", kind="nonsense")).text


async def test_more_results_than_a_page(portal: Portal) -> None:
    await portal.publish(
        {f"content/manuals/n{number}.ja.md": document(f"n{number}", title=f"経費 {number:02}") for number in range(23)}
    )
    first = (await portal.get(MEMBER, "/search", q="経費")).text
    last = (await portal.get(MEMBER, "/search", q="経費", page=3)).text
    assert "23件中 1–10件" in first
    assert len(titles(first)) == 10
    assert 'rel="next" href="/search?q=%E7%B5%8C%E8%B2%BB&amp;page=2"' in first
    assert len(titles(last)) == 3
    assert 'rel="next"' not in last
    assert 'start="21"' in last


async def test_addresses_that_name_nothing(portal: Portal) -> None:
    for query in ({"page": "0"}, {"page": "101"}, {"page": "x"}, {"page": ""}, {"kind": "k" * 65}):
        assert (await portal.get(MEMBER, "/search", q="招待", **query)).status_code == 404
    assert (await portal.get(MEMBER, "/search", q="招待", page=100)).status_code == 200
    assert (await (await portal.browser(MEMBER)).post("/search", data={"q": "x"})).status_code == 405


async def test_nothing_asked_and_nothing_found(portal: Portal) -> None:
    for query in ({}, {"q": "   "}, {"q": "ぬぬぬ"}):
        text = (await portal.get(MEMBER, "/search", **query)).text
        assert "新着" in text
        assert "メンバーを招待する" in text
    assert "「ぬぬぬ」は見つかりませんでした" in text


async def test_a_reader_is_told_when_only_a_piece_was_found(portal: Portal) -> None:
    said = "一部が合うものを表示しています"
    assert said in (await portal.get(MEMBER, "/search", q="招待明細")).text
    assert said not in (await portal.get(MEMBER, "/search", q="招待")).text


async def test_a_search_is_kept_without_who_searched(portal: Portal) -> None:
    portal.clock.now = NOW + timedelta(minutes=25)
    await portal.get(MEMBER, "/search", q="招待　ﾒｰﾙ taro@example.com 090-1234-5678")
    await portal.get(STRANGER, "/search", q="ない言葉")
    await portal.get(MEMBER, "/search", q="招待", page=2)
    await portal.get(MEMBER, "/search", q="招待", kind="faq")
    await portal.get(STAFF, "/search", q="招待")
    kept = await searches(portal)
    assert [(one.query, one.locale, one.results > 0, one.hour) for one in kept] == [
        ("招待 メール", "ja", True, NOW),
        ("ない言葉", "ja", False, NOW),
    ]
    assert set(Search.model_fields) == {
        *("id", "token", "hour", "query", "locale", "results", "clicked", "clicked_key")
    }


async def test_what_is_opened_first_is_noted(portal: Portal) -> None:
    page = await portal.get(MEMBER, "/search", q="招待")
    token = re.search(r'data-results="([^"]+)"', page.text)
    assert token is not None
    said = {"search": token[1], "place": "2", "name": "document/invite"}
    for fields in (said, {**said, "place": "1"}, {**said, "search": "x"}):
        answer = await portal.post(MEMBER, "/search/opened", "/search?q=x", **fields)
        assert answer.status_code == 204
    kept = [one for one in await searches(portal) if one.query == "招待"]
    assert [(one.clicked, one.clicked_key) for one in kept] == [(2, "document/invite")]
    refused = await portal.post(MEMBER, "/search/opened", "/search?q=x", **{**said, "place": "0"})
    assert refused.status_code == 422


async def test_an_empty_report_says_what_will_be_there(portal: Portal) -> None:
    assert "まだ検索されていません" in (await portal.get(STAFF, "/staff/search")).text


async def test_a_synonym_holds_from_the_next_search_on(portal: Portal) -> None:
    assert titles((await portal.get(MEMBER, "/search", q="お迎え")).text) == set()
    form = await portal.get(STAFF, SYNONYMS, words="お迎え")
    assert 'value="お迎え"' in form.text
    added = await portal.post(STAFF, SYNONYMS, SYNONYMS, words="お迎え、勧誘", means="招待", direction="both")
    assert added.status_code == 303
    assert "招待の料金" in titles((await portal.get(MEMBER, "/search", q="お迎え")).text)
    assert "招待の料金" in titles((await portal.get(MEMBER, "/search", q="勧誘")).text)

    listed = (await portal.get(STAFF, SYNONYMS)).text
    number = re.search(r"/synonyms/(\d+)/removal", listed)
    assert number is not None
    removed = await portal.post(STAFF, f"{SYNONYMS}/{number[1]}/removal", SYNONYMS)
    assert removed.headers["location"] == f"{SYNONYMS}?removed={number[1]}"
    assert titles((await portal.get(MEMBER, "/search", q="お迎え")).text) == set()
    assert f"/synonyms/{number[1]}/restoration" in (await portal.get(STAFF, removed.headers["location"])).text
    await portal.post(STAFF, f"{SYNONYMS}/{number[1]}/restoration", SYNONYMS)
    assert "招待の料金" in titles((await portal.get(MEMBER, "/search", q="お迎え")).text)


async def test_a_synonym_that_cannot_be_comes_back_with_the_form(portal: Portal) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"words": "", "means": "招待"}, "言葉を1つ以上入力してください。"),
        ({"words": "!!", "means": "招待"}, "「!!」には検索できる文字がありません。"),
        ({"words": "あ" * 61, "means": "招待"}, "1つの言葉は60文字までです。"),
        ({"words": "招待", "means": "ｼｮｳﾀｲ,招待"}, "左右に同じ言葉が入っています。"),
    ]
    for fields, said in cases:
        answer = await portal.post(STAFF, SYNONYMS, SYNONYMS, direction="one", **fields)
        assert answer.status_code == 422
        assert said in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert (await portal.post(STAFF, f"{SYNONYMS}/99/removal", SYNONYMS)).status_code == 404
