"""Front matter through a form: what nobody changed stays as it was written, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.content.files import parse_document
from portal.kit.paths import CHECKOUT
from portal.studio.front import Form, at_minute, form_of, text_of, with_fields
from tests.library import TOKYO

STARTER = sorted((CHECKOUT / "content").glob("*/*.md"))
FILE = "content/manuals/inviting.ja.md"
TEXT = """---
# who looks after it: the billing team
id: inviting
title:   "招待する"   # short
collection: start

audience:
  plan: [starter, pro]
  role: admin
# the shelf has gaps of ten
order: 20
publish_at: 2026-12-01T09:00+09:00
aliases: [invite, add-members]
---
本文です。

終わり。
"""


def opened(text: str) -> Form:
    return form_of(text, slug="inviting", kind="manual", zone=TOKYO)


def saved(form: Form, base: str = TEXT) -> str:
    return text_of(form, base=base, key="inviting", zone=TOKYO)


def test_a_form_shows_what_the_fields_say() -> None:
    form = opened(TEXT)
    assert (form.title, form.collection, form.order, form.public) == ("招待する", "start", "20", "")
    assert form.audience == "plan:\n- starter\n- pro\nrole: admin"
    assert form.publish_at == "2026-12-01T09:00"
    assert form.aliases == "invite\nadd-members"
    assert form.body == "本文です。\n\n終わり。\n"


@pytest.mark.parametrize("path", STARTER, ids=lambda path: path.name)
def test_opening_and_saving_changes_no_byte_of_the_starter_library(path: Path) -> None:
    text = path.read_bytes().decode()
    assert saved(opened(text), text) == text


BODIES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@given(BODIES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", "\ufeff"]))
def test_what_goes_in_comes_out(body: str, ends: str, mark: str) -> None:
    text = mark + TEXT.partition("本文")[0].replace("\n", ends) + body
    form = opened(text)
    sent = form.body.replace("\n", "\r\n")  # as a browser sends what it was given
    assert saved(replace(form, body=sent), text) == text


@given(BODIES)
def test_a_new_body_is_taken_as_it_is(body: str) -> None:
    form = replace(opened(TEXT), body=body)
    assert opened(saved(form)).body == body.replace("\r\n", "\n").replace("\r", "\n")


def test_the_line_ends_of_a_file_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    changed = saved(replace(opened(text), body="別の\n本文。\n"), text)
    assert changed.endswith("---\r\n別の\r\n本文。\r\n")
    assert "\n" not in changed.replace("\r\n", "")


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"title": "招き方: 入門"}, {'title:   "招待する"   # short': "title: '招き方: 入門'"}),
        ({"order": "30"}, {"order: 20": "order: 30"}),
        ({"order": ""}, {"order: 20\n": ""}),
        ({"publish_at": "2027-01-05T10:30"}, {"2026-12-01T09:00": "2027-01-05T10:30"}),
        ({"audience": ""}, {"audience:\n  plan: [starter, pro]\n  role: admin\n": ""}),
        (
            {"audience": "role: admin"},
            {"audience:\n  plan: [starter, pro]\n  role: admin\n": "audience: {role: admin}\n"},
        ),
        ({"aliases": "invite、join"}, {"[invite, add-members]": "[invite, join]"}),
        ({"public": "1"}, {"add-members]\n": "add-members]\npublic: true\n"}),
        ({"review_by": "2027-04-01"}, {"add-members]\n": "add-members]\nreview_by: 2027-04-01\n"}),
    ],
)
def test_only_the_lines_of_what_changed_are_written(changes: dict[str, str], lines: dict[str, str]) -> None:
    expected = TEXT
    for before, after in lines.items():
        assert expected.count(before) == 1
        expected = expected.replace(before, after)
    assert saved(replace(opened(TEXT), **changes)) == expected


def test_fields_on_one_line_are_written_anew() -> None:
    text = "---\n{id: inviting, title: 招待, collection: start}\n---\n本文\n"
    changed = saved(replace(opened(text), order="3"), text)
    assert changed == "---\nid: inviting\ntitle: 招待\ncollection: start\norder: 3\n---\n本文\n"


def test_a_new_text_is_a_file_that_can_be_published() -> None:
    form = Form(
        title="yes",
        collection="start",
        kind="manual",
        public="1",
        audience="plan: [pro]",
        order="-3",
        review_by="2027-04-01",
        publish_at="2026-12-01T09:00",
        aliases="a-1\nb",
        body="## 見出し\n",
    )
    found = parse_document(text_of(form, base="", key="inviting", zone=TOKYO), file=FILE, zone=TOKYO)
    assert (found.title, found.collection, found.public, found.audience) == ("yes", "start", True, {"plan": ["pro"]})
    assert (found.order, str(found.review_by), found.aliases) == (-3, "2027-04-01", ("a-1", "b"))
    assert found.publish_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert found.body == "## 見出し\n"


TITLES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1, max_size=40)


@given(TITLES.filter(str.strip))
def test_any_title_is_read_back(title: str) -> None:
    form = replace(opened(TEXT), title=title)
    assert opened(saved(form)).title.strip() == title.strip()


def test_what_all_languages_share_is_carried_over() -> None:
    changed = with_fields(TEXT, {"collection": "other", "audience": {"plan": ["starter", "pro"], "role": "admin"}})
    assert changed == TEXT.replace("collection: start", "collection: other")
    assert with_fields(changed, {"collection": "other"}) == changed


@pytest.mark.parametrize(("said", "at"), [("2026-12-01T09:00", 1), ("", None), ("2026-02-30T09:00", None)])
def test_a_minute_is_meant_in_the_vendors_zone(said: str, at: int | None) -> None:
    found = at_minute(said, TOKYO)
    assert (found and found.day) == at
