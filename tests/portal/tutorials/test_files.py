"""What staff write, and what they are told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.tutorials.files import TextFile, read_tutorials
from tests.library import tutorial, write

GOOD = """\
key: first-invoice
title: {ja: 最初の請求書, en: Your first invoice}
description: {ja: 5分で1枚送ります。}
minutes: 5
order: 2
audience: {plan: pro}
steps:
  - key: open
    title: {ja: 開く, en: Open}
  - key: send
    title: {ja: 送る}
    file: last
"""
TEXTS = {"steps/open.ja.md": "開きます。\n", "steps/open.en.md": "Open it.\n", "steps/last.ja.md": "送ります。\n"}


def read(root: Path, yml: str = GOOD, texts: dict[str, str] | None = None) -> list[str]:
    files = {"tutorial.yml": yml, **(TEXTS if texts is None else texts)}
    write(root, {f"tutorials/first-invoice/{name}": text for name, text in files.items()})
    found, problems = read_tutorials(root)
    assert bool(found) is not bool(problems)
    return [problem.into("en") for problem in problems]


def test_a_tutorial(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    (found,), _ = read_tutorials(tmp_path)
    assert (found.key, found.minutes, found.order, found.audience) == ("first-invoice", 5, 2, {"plan": "pro"})
    assert found.title == {"ja": "最初の請求書", "en": "Your first invoice"}
    assert [(step.key, step.title["ja"], sorted(step.texts)) for step in found.steps] == [
        ("open", "開く", ["en", "ja"]),
        ("send", "送る", ["ja"]),
    ]
    assert found.steps[1].texts["ja"] == TextFile("tutorials/first-invoice/steps/last.ja.md", "送ります。\n")
    assert [warning.into("en") for warning in found.warnings] == [
        "tutorials/first-invoice/tutorial.yml:10: there is no steps/last.en.md: this step is in one language only"
    ]


WRONG = [
    ("key: first-invoice", "key: other", 1, "must be the folder's name"),
    ("key: first-invoice", "key: First Invoice", 1, "a key has only"),
    ("minutes: 5", "minuets: 5", 4, "did you mean “minutes”"),
    ("minutes: 5", "minutes: soon", 4, "a whole number from 1"),
    ("minutes: 5", "minutes: true", 4, "a whole number from 1"),
    ("{ja: 最初の請求書, en: Your first invoice}", "最初の請求書", 2, "words by language"),
    ("{ja: 最初の請求書, en: Your first invoice}", "{fr: Facture}", 2, "words by language"),
    ("{ja: 最初の請求書, en: Your first invoice}", "{ja: ''}", 2, "no words here"),
    ("audience: {plan: pro}", "audience: {plann: pro}", 6, "plan"),
    ("audience: {plan: pro}", "audience:", 6, ""),
    ("    title: {ja: 開く, en: Open}\n", "", 8, "“title” is missing"),
    ("    file: last", "    fil: last", 12, "did you mean “file”"),
    ("    file: last", "    file: ../../secret", 12, "a key has only"),
    ("    file: last", "    file: lost", 10, "neither steps/lost.ja.md nor steps/lost.en.md"),
    ("  - key: send", "  - key: open", 10, "given twice"),
    ("  - key: send", "  - key: finish", 10, "cannot be called"),
    ("steps:", "stops:", 1, "“steps” is missing"),
]


@pytest.mark.parametrize(("line", "instead", "number", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, line: str, instead: str, number: int, said: str) -> None:
    assert line in GOOD
    problems = read(tmp_path, GOOD.replace(line, instead, 1))
    place = f"tutorials/first-invoice/tutorial.yml:{number}: "
    assert any(problem.startswith(place) and said in problem for problem in problems), problems


@pytest.mark.parametrize("steps", ["[]", "{}", "open", "[open]"])
def test_steps_that_are_none(tmp_path: Path, steps: str) -> None:
    head, _, _ = GOOD.partition("steps:")
    assert read(tmp_path, f"{head}steps: {steps}\n")


def test_a_text_that_no_step_uses_is_named(tmp_path: Path) -> None:
    assert read(tmp_path, texts={**TEXTS, "steps/opne.ja.md": "?"}) == [
        "tutorials/first-invoice/steps/opne.ja.md:1: no step of this tutorial uses this file"
    ]


def test_a_folder_without_a_tutorial_and_no_folder_at_all(tmp_path: Path) -> None:
    assert read_tutorials(tmp_path) == ([], [])
    (tmp_path / "tutorials/empty").mkdir(parents=True)
    (tmp_path / "tutorials/.hidden").mkdir()
    found, problems = read_tutorials(tmp_path)
    assert found == []
    assert [problem.file for problem in problems] == ["tutorials/empty/tutorial.yml"]


def test_a_text_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, tutorial("a"))
    (tmp_path / "tutorials/a/steps/one.ja.md").write_bytes("請求".encode("cp932"))
    (tmp_path / "tutorials/a/steps/two.ja.md").write_bytes(b"x" * 1_000_001)
    found, problems = read_tutorials(tmp_path)
    assert found == []
    assert [(problem.file, str(problem.message)) for problem in problems] == [
        ("tutorials/a/steps/one.ja.md", "this file is not in UTF-8"),
        ("tutorials/a/steps/two.ja.md", "this file is larger than 1 MB"),
    ]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    yml = GOOD.replace("minutes: 5", "minutes: -1").replace("  - key: send", "  - key: run")
    assert len(read(tmp_path, yml)) == 2
