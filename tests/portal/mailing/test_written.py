"""Templates: what may stand in one, and what comes out for a reader, whatever they are called."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.i18n import LOCALES, Locale
from portal.mailing.templates import shipped
from portal.mailing.variables import VARIABLES, Addressee, Progress, Week, salutation, values
from portal.mailing.written import fill, problems_of, write
from tests.onboarding import TOKYO

PROGRESS = Progress(
    "はじめの30日", 2, 5, date(2027, 1, 4), 5, "招待", ("招待", "設定"), 9, "https://p.example/checklists/x"
)
WEEK = Week(("招待",), 3, 5, "https://p.example/progress/x")


def said(to: Addressee | None = None, locale: Locale = "ja") -> dict[str, str]:
    return values(
        to or Addressee("株式会社あおば", "田中"),
        locale=locale,
        vendor="伴走クラウド",
        sender="佐藤",
        portal_url="https://p.example",
        today=date(2026, 12, 30),
        zone=TOKYO,
        progress=PROGRESS,
        week=WEEK,
    )


@pytest.mark.parametrize(
    ("account", "person", "ja", "en"),
    [
        ("株式会社あおば", "田中", "株式会社あおば 田中様", "Dear 田中 (株式会社あおば),"),
        ("株式会社あおば", "", "株式会社あおば 御中", "To everyone at 株式会社あおば,"),
        ("", "田中", "田中様", "Dear 田中,"),
        ("", "", "ご担当者様", "To whom it may concern,"),
        ("株式会社あおば", "田中様", "株式会社あおば 田中様", "株式会社あおば 田中様"),
        ("100%社", "鈴木 50%さん", "100%社 鈴木 50%さん", "100%社 鈴木 50%さん"),
    ],
)
def test_a_letter_opens_with_what_is_known(account: str, person: str, ja: str, en: str) -> None:
    said = salutation(Addressee(account, person))
    assert (said.into("ja"), said.into("en")) == (ja, en)


@pytest.mark.parametrize(
    ("subject", "body", "codes"),
    [
        ("{{ account.name }}", "{{ salutation }}\n\n[開く]({{ portal.url }}/manuals)", []),
        ("x", "{{ member.name | お客 }}様 {{member.name|}}", []),
        ("", " ", ["empty", "empty"]),
        ("{{ nobody }}", "{{ 7*7 }} {{ member.__class__ }} {{ member.name.upper() }}", ["unknown_variable"] * 4),
        ("x", "{{ member.name", ["unknown_variable"]),
        ("one\ntwo", "x", ["lines"]),
        ("x" * 201, "x" * 10_001, ["too_long", "too_long"]),
        ("x", "[x]({{ member.name }})", ["link"]),
        ("x", "https://evil.example/{{ account.name }}", ["link"]),
        ("x", "[x](/manuals)", ["relative"]),
        ("x", "[x]({{ checklist.url | javascript:alert(1) }})", ["relative"]),
        ("x", "[x]({{ checklist.url | https://vendor.example }})", []),
        ("x", "[x](https://p.example) [y](mailto:a@p.example)", []),
        ("x", "![x](https://p.example/x.png)", ["picture"]),
        ("x", "<script>alert(1)</script>", []),
    ],
)
def test_what_may_stand_in_a_template(subject: str, body: str, codes: list[str]) -> None:
    assert [one.code for one in problems_of(subject, body)] == codes


def test_an_unknown_name_is_named_with_all_that_are_known() -> None:
    (problem,) = problems_of("{{ member.nmae }}", "x")
    assert "「member.nmae」" in problem.message.into("ja")
    assert all(key in problem.message.into("ja") for key in VARIABLES)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("key", list(shipped()))
def test_every_shipped_template_is_whole(key: str, locale: Locale) -> None:
    words = shipped()[key].texts[locale]
    assert problems_of(words.subject, words.body) == []
    letter = fill(write(words.subject, words.body), said(locale=locale))
    assert letter.missing == ()
    assert all(marks not in letter.text + letter.html for marks in ("{{", "}}", "qv0z"))
    assert letter.text.startswith("株式会社あおば 田中様" if locale == "ja" else "Dear 田中 (株式会社あおば),")


def test_a_letter_in_text_and_html() -> None:
    body = (
        "# 見出し\n\n**重要。**必ず{{ account.name }}で\n次の行\n\n- 一つ\n- 二つ\n  1. 深い\n\n> 引用\n\n---\n\n"
        "[開く]({{ checklist.url }})\n\n詳しくは[こちら](https://p.example/a)。\n\n{{ steps.open }}"
    )
    letter = fill(write("{{ checklist.due }} {{ member.name | x }}", body), said())
    assert letter.subject == "2027年1月4日(月) 田中"
    assert letter.text == (
        "見出し\n\n重要。必ず株式会社あおばで\n次の行\n\n- 一つ\n- 二つ\n  1. 深い\n\n> 引用\n\n"
        "────────────────────\n\n"
        "開く\nhttps://p.example/checklists/x\n\n詳しくはこちら ( https://p.example/a )。\n\n・招待\n・設定\n"
    )
    assert "<strong>重要。</strong>必ず" in letter.html
    assert '<td bgcolor="#2f4a8c"' in letter.html
    assert "・招待<br>\n・設定" in letter.html
    bare = ("/", "br", "strong", "table", "tr")
    tags = [part for part in letter.html.split("<")[1:] if not part.startswith(bare)]
    assert all("style=" in tag.split(">")[0] for tag in tags)
    assert "style=" not in letter.prose


def test_where_nothing_is_known_the_fallback_stands_or_the_letter_is_held_back() -> None:
    nobody = said(Addressee("株式会社あおば", ""))
    assert fill(write("x", "{{ member.name | お客 }}様"), nobody).text == "お客様\n"
    assert fill(write("x", "{{ member.name | }}様"), nobody).missing == ()
    assert fill(write("{{ account.goal }}", "{{ member.name }}様 {{ account.goal }}"), nobody).missing == (
        "account.goal",
        "member.name",
    )


@given(st.text(max_size=40))
def test_nothing_a_customer_is_called_becomes_markup(name: str) -> None:
    template = write(
        "{{ member.name }}", "# {{ member.name }}\n\n[{{ member.name }}]({{ portal.url }})\n\n{{ member.name }}"
    )
    plain, odd = (fill(template, said(Addressee("A", one))) for one in ("x", f"x{name}"))
    assert odd.html.replace("<br>\n", "").count("<") == plain.html.count("<")
    assert odd.html.count('"') == plain.html.count('"')
    assert "\n" not in odd.subject


@pytest.mark.parametrize("name", ["{{ portal.url }}", "[x](http://evil.example)", "<b>", "qv1z", "http://evil.example"])
def test_values_are_never_read_as_templates(name: str) -> None:
    letter = fill(write("{{ member.name }}", "{{ member.name }}"), said(Addressee("A", name)))
    assert (letter.subject, letter.text, letter.html.count("<a")) == (name, f"{name}\n", 0)
