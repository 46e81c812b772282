from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.files import MAX_DEPTH, FileProblems, Problem, load_yaml
from portal.kit.i18n import Message

TEXT = """\
key: first
title: {ja: はじめの30日, en: Your first 30 days}
steps:
  - key: a
    done_when:
      event: login
  - key: b
    due: 2026-12-01
"""


def wrong(text: str, first_line: int = 1) -> list[tuple[int, str]]:
    with pytest.raises(FileProblems) as caught:
        load_yaml(text, file="a.yml", first_line=first_line)
    assert {problem.file for problem in caught.value.problems} == {"a.yml"}
    return [(problem.line, str(problem.message)) for problem in caught.value.problems]


def test_values_and_their_lines() -> None:
    found = load_yaml(TEXT, file="a.yml")
    assert found.value == {
        "key": "first",
        "title": {"ja": "はじめの30日", "en": "Your first 30 days"},
        "steps": [{"key": "a", "done_when": {"event": "login"}}, {"key": "b", "due": date(2026, 12, 1)}],
    }
    assert found.line() == 1
    assert found.line("title", "en") == 2
    assert found.line("steps", 0, "done_when", "event") == 6
    assert found.line("steps", 1) == 7
    assert found.line("steps", 1, "due") == 8


def test_an_unknown_place_has_the_line_of_its_parent() -> None:
    found = load_yaml(TEXT, file="a.yml")
    assert found.line("steps", 1, "done_when", "event") == 7
    assert found.line("nothing") == 1


def test_lines_count_from_the_place_in_the_file() -> None:
    found = load_yaml("\na: 1\nb: 2", file="a.md", first_line=2)
    assert (found.line("a"), found.line("b")) == (3, 4)
    assert found.problem(Message("no"), "b") == Problem("a.md", 4, Message("no"))
    assert wrong("a: [", first_line=10)[0][0] == 10


def test_an_empty_file_is_nothing() -> None:
    assert load_yaml("", file="a.yml").value is None
    assert load_yaml("# only a comment", file="a.yml").line("a") == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [1, 2", 2, "not valid YAML"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("a: 1\n--- \nb: 2", 2, "not valid YAML"),
        ("a: 1\nb: 2\na: 3", 3, "“a” is given twice"),
        ("a:\n  b: 1\n  b: 2", 3, "“b” is given twice"),
        ("a: &x 1\nb: *x", 2, "aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [x]", 2, "tags"),
        ("a: 1\nb: !!timestamp x", 2, "tags"),
        ("a: 1\nb: \x00", 2, "character"),
        ("a: 1\nb: \ud800", 2, "character"),
        ("a: 1\nb: 0x_", 2, "not valid YAML"),
        ("a: 1\nb: " + "9" * 5000, 2, "not valid YAML"),
        ("a: 1\n? [b]\n: 2", 2, "not valid YAML"),
        ("a: 1\nb: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 2, "nested"),
        ("a: 1\nb: " + "{x: " * 100_000, 2, "nested"),
    ],
)
def test_what_is_wrong_has_its_line(text: str, line: int, words: str) -> None:
    found = wrong(text)
    assert len(found) == 1
    assert found[0][0] == line
    assert words in found[0][1]
    assert "\n" not in found[0][1]


def test_every_key_given_twice_is_named() -> None:
    assert [line for line, _ in wrong("a: 1\na: 2\nb: 1\nb: 2")] == [2, 4]


def test_a_day_in_no_calendar_stays_text() -> None:
    assert load_yaml("a: 2026-02-30\nb: 2026-02-28", file="a.yml").value == {"a": "2026-02-30", "b": date(2026, 2, 28)}


def test_nesting_up_to_the_limit() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert isinstance(load_yaml(text, file="a.yml").value, list)


@given(st.one_of(st.text(), st.text(alphabet="ab:-[]{}&*!?|>'\"# \n\t0x_2.=<%@`,~")))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    last = len(text.splitlines()) + 1
    try:
        lines = set(load_yaml(text, file="a.yml").lines.values())
    except FileProblems as error:
        lines = {problem.line for problem in error.problems}
    assert all(1 <= line <= last for line in lines)


def test_problems_are_printed_one_a_line() -> None:
    problems = [Problem("a.yml", 1, Message("one %(x)s", x=1)), Problem("b.yml", 20, Message("two"))]
    assert problems[0].into("en") == "a.yml:1: one 1"
    assert str(FileProblems(problems)) == "a.yml:1: one 1\nb.yml:20: two"
    assert FileProblems(iter(problems)).problems == tuple(problems)
