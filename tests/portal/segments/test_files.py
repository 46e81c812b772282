"""`content/segments.yml`: what it may say, and what is told of each mistake."""

from __future__ import annotations

import pytest

from portal.kit.files import FileProblems
from portal.segments.files import condition_text, parse_segments, read_condition, segments_text, written

FINE = """\
- key: big
  title: {ja: 大口, en: Large}
  condition: {plan: [pro, enterprise], traits: {seats: {gte: 50}}}
- key: busy
  title: よく使う
  condition: {segment: big, event: login, distinct: day, at_least: 8, last: 28d}
"""


def test_it_goes_round() -> None:
    read = parse_segments(FINE, file="segments.yml")
    assert [(one.key, dict(one.title)) for one in read.segments] == [
        ("big", {"ja": "大口", "en": "Large"}),
        ("busy", {"ja": "よく使う", "en": "よく使う"}),
    ]
    again = segments_text([(one.key, one.title, written(one.condition)) for one in read.segments])
    assert parse_segments(again, file="again.yml").segments == read.segments


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("key: a\n", "s.yml:1: this is a list of at most 200 segments, each with key, title and condition"),
        ("- key: a\n  title: A\n", "s.yml:1: “condition” is missing"),
        ("- key: A b\n  title: A\n  condition: {plan: x}\n", "s.yml:1: a key is 1 to 64"),
        ("- key: a\n  title: {fr: A}\n  condition: {plan: x}\n", "s.yml:2: a title is written as {ja: …, en: …}"),
        ("- key: a\n  title: A\n  conditon: {plan: x}\n  condition: {plan: x}\n", "s.yml:3: unknown key “conditon”"),
        ("- key: a\n  title: A\n  condition: {role: admin}\n", "s.yml:3: “role” is a member's"),
        ("- key: a\n  title: A\n  condition:\n    plam: x\n", "s.yml:4: unknown key “plam”"),
        ("- key: a\n  title: A\n  condition: {segment: a}\n", "s.yml:3: this segment is inside itself"),
        (
            "- {key: a, title: A, condition: {segment: b}}\n"
            "- {key: b, title: B, condition: {not: {segment: [c, a]}}}\n",
            "s.yml:1: this segment is inside itself, by way of the segments it names\n"
            "s.yml:2: this segment is inside itself, by way of the segments it names",
        ),
        (
            "".join(f"- {{key: s{n}, title: S, condition: {{segment: s{n + 1}}}}}\n" for n in range(5)),
            "s.yml:1: segments may lie at most 4 deep inside one another",
        ),
        (
            "- {key: a, title: A, condition: {plan: x}}\n- {key: a, title: A, condition: {plan: x}}\n",
            "s.yml:2: “a” is given twice",
        ),
    ],
)
def test_every_mistake_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(FileProblems) as wrong:
        parse_segments(text, file="s.yml")
    assert str(wrong.value).startswith(said)


def test_no_segments_are_a_file_too() -> None:
    assert parse_segments("", file="s.yml").segments == ()
    assert segments_text([]) == ""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plan: pro\ntier: high\n", "plan: pro\ntier: high\n"),
        ("plan: pro\nevent: login\nat_least: 2\n", "plan: pro\nevent: login\nat_least: 2\n"),
        ("all: [{event: a}, {event: b}]\n", "all:\n- event: a\n- event: b\n"),
        ("all: [{plan: pro}, {plan: {ne: free}}]\n", "all:\n- plan: pro\n- plan:\n    ne: free\n"),
    ],
)
def test_an_editor_shows_a_condition_as_it_was_written_and_reads_it_again(said: str, shown: str) -> None:
    condition = read_condition(said)
    assert condition_text(written(condition)) == shown
    assert read_condition(shown) == condition
