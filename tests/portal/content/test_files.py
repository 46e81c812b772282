from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.content.files import (
    MAX_BYTES,
    CollectionFile,
    DocumentFile,
    parse_collections,
    parse_document,
    read_collections,
    read_documents,
)
from portal.kit.files import FileProblems, Problem

FILE = "content/manuals/inviting.ja.md"
FULL = """\
---
id: invite
title: メンバーを招待する
collection: はじめに
kind: manual
public: true
audience: {plan: [starter, pro]}
order: 20
review_by: 2027-01-31
publish_at: 2026-12-01
aliases: [invitation, 招待]
---

本文です。
"""


def document(**fields: str) -> str:
    head = {"id": "a", "title": "A", "collection": "c"} | fields
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in head.items() if value) + "---\nBody\n"


def wrong(text: str, file: str = FILE) -> list[tuple[int, str]]:
    with pytest.raises(FileProblems) as caught:
        parse_document(text, file=file)
    return said(caught.value.problems)


def said(problems: tuple[Problem, ...] | list[Problem]) -> list[tuple[int, str]]:
    return [(problem.line, str(problem.message)) for problem in problems]


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def printed(problems: list[Problem]) -> list[str]:
    return [problem.into("en") for problem in problems]


def test_everything_a_document_says() -> None:
    found = parse_document(FULL, file=FILE)
    assert found == DocumentFile(
        file=FILE,
        slug="inviting",
        locale="ja",
        id="invite",
        title="メンバーを招待する",
        collection="はじめに",
        kind="manual",
        public=True,
        audience=found.audience,
        order=20,
        review_by=date(2027, 1, 31),
        publish_at=datetime(2026, 11, 30, 15, tzinfo=UTC),
        unpublish_at=None,
        aliases=("invitation", "招待"),
        body="\n本文です。\n",
        text=FULL,
        digest=found.digest,
        body_line=13,
    )
    assert found.folder == "manuals"
    assert found.audience is not None
    assert len(found.digest) == 64


def test_what_may_be_left_out() -> None:
    found = parse_document(document(), file=FILE)
    assert (found.kind, found.public, found.audience, found.order) == ("manual", False, None, None)
    assert (found.review_by, found.publish_at, found.aliases) == (None, None, ())


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("manuals", "manual"), ("faq", "faq"), ("case-studies", "case_study"), ("releases", "release_note")],
)
def test_the_folder_says_the_kind(folder: str, kind: str) -> None:
    file = f"content/{folder}/a.en.md"
    assert parse_document(document(), file=file).kind == kind
    assert parse_document(document(kind=kind), file=file).kind == kind


def test_line_endings_and_byte_order_mark_change_nothing() -> None:
    assert parse_document("\ufeff" + FULL.replace("\n", "\r\n"), file=FILE) == parse_document(FULL, file=FILE)


def test_the_digest_is_of_everything() -> None:
    digests = {parse_document(text, file=FILE).digest for text in (FULL, FULL + "x", FULL.replace("20", "21"))}
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-12-01", datetime(2026, 11, 30, 15, tzinfo=UTC)),
        ("2026-12-01T09:00:00+09:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T09:00:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01 09:00:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01 09:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ('"2026-12-01"', datetime(2026, 11, 30, 15, tzinfo=UTC)),
    ],
)
def test_when_it_is_published(value: str, instant: datetime) -> None:
    assert parse_document(document(publish_at=value), file=FILE).publish_at == instant


def test_days_are_days_of_the_vendor() -> None:
    found = parse_document(document(publish_at="2026-12-01"), file=FILE, zone=ZoneInfo("America/New_York"))
    assert found.publish_at == datetime(2026, 12, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "line", "words"),
    [
        ({"id": ""}, 2, "“id” is missing"),
        ({"title": '"  "'}, 3, "“title” is missing"),
        ({"collection": ""}, 2, "“collection” is missing"),
        ({"id": "Invite"}, 2, "“id” may hold only"),
        ({"id": "招待"}, 2, "“id” may hold only"),
        ({"id": "-a"}, 2, "“id” may hold only"),
        ({"id": "a" * 65}, 2, "longer than 64"),
        ({"id": "123"}, 2, "quotation marks"),
        ({"title": "a" * 201}, 3, "longer than 200"),
        ({"title": '"a\\tb"'}, 3, "control character"),
        ({"title": '"a\\u202eb"'}, 3, "control character"),
        ({"title": "2026-01-01"}, 3, "quotation marks"),
        ({"title": "[a]"}, 3, "quotation marks"),
        ({"collection": "Getting started"}, 4, "“collection” may hold only"),
        ({"kind": "handbook"}, 5, "one of: manual, faq, case_study, release_note"),
        ({"kind": "faq"}, 5, "is a manual, not a faq"),
        ({"public": "maybe"}, 5, "true or false"),
        ({"order": "first"}, 5, "whole number"),
        ({"order": "true"}, 5, "whole number"),
        ({"order": "1.5"}, 5, "whole number"),
        ({"review_by": "2026-02-30"}, 5, "a day that exists"),
        ({"review_by": "soon"}, 5, "a day that exists"),
        ({"review_by": "2026-02-03 10:00:00"}, 5, "a day that exists"),
        ({"publish_at": "2026-13-01"}, 5, "a day or a time that exists"),
        ({"publish_at": "2026-12-01 25:00"}, 5, "a day or a time that exists"),
        ({"publish_at": "0001-01-01"}, 5, "a day or a time that exists"),
        ({"publish_at": "7"}, 5, "a day or a time that exists"),
        ({"aliases": "{a: b}"}, 5, "a list"),
        ({"aliases": "[ok, Not ok]"}, 5, "“aliases” may hold only"),
        ({"audience": "{plam: pro, event: 3}"}, 5, "plam"),
        ({"tile": "A"}, 5, "unknown key “tile”; did you mean “title”?"),
        ({"Public": "true"}, 5, "did you mean “public”?"),
        ({"zzz": "1"}, 5, "unknown key “zzz”; possible here: id, title"),
        ({"id": "a\nid: b"}, 3, "given twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(fields: dict[str, str], line: int, words: str) -> None:
    found = wrong(document(**fields))
    assert {number for number, _ in found} == {line}
    assert words in found[0][1]


def test_everything_wrong_is_said_at_once() -> None:
    text = "---\nid: A\ntitel: x\ncollection: c\norder: x\naudience:\n  event: login\n  at_leest: 3\n---\n"
    found = wrong(text, "content/manuals/Bad Name.fr.md")
    assert sorted(line for line, _ in found) == [1, 2, 2, 3, 5, 8]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "begins with its fields"),
        ("# Title\n", 1, "begins with its fields"),
        ("\n---\nid: a\n---\n", 1, "begins with its fields"),
        ("---\nid: a\n", 1, "not closed"),
        ("---\n- a\n---\n", 2, "one a line"),
        ("---\n---\n", 1, "one a line"),
        ("---\nid: [\n---\n", 2, "not valid YAML"),
    ],
)
def test_a_document_needs_its_fields(text: str, line: int, words: str) -> None:
    found = wrong(text)
    assert found[0][0] == line
    assert words in found[0][1]


@pytest.mark.parametrize("slug", ["inviting", "招待する", "a-1", "ガイド-2", "é", "2026-12"])
def test_slugs(slug: str) -> None:
    assert parse_document(document(), file=f"content/faq/{slug}.en.md").slug == slug


@pytest.mark.parametrize(
    "name",
    [
        "Inviting.ja.md",
        "a b.ja.md",
        "a_b.ja.md",
        "-a.ja.md",
        "a.b.ja.md",
        "a.md",
        "a.fr.md",
        ".ja.md",
        f"{'a' * 101}.ja.md",
    ],
)
def test_names_that_are_none(name: str) -> None:
    assert [line for line, _ in wrong(document(), f"content/manuals/{name}")] == [1]


def test_a_name_from_a_mac_is_the_same_name() -> None:
    assert parse_document(document(), file="content/manuals/ガイド.ja.md".replace("ガ", "カ\u3099")).slug == "ガイド"


def test_reading_a_library(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "manuals/a.ja.md": document(),
            "manuals/a.en.md": document(),
            "faq/b.ja.md": document(id="b"),
            "manuals/README.md": "notes",
            "manuals/.draft.ja.md": "notes",
            "manuals/images/a.png": b"\x89PNG",
            "manuals/a.png": b"\x89PNG",
            "other/x.md": "not ours",
        },
    )
    documents, problems = read_documents(tmp_path)
    assert problems == []
    assert [found.file for found in documents] == [
        "content/manuals/a.en.md",
        "content/manuals/a.ja.md",
        "content/faq/b.ja.md",
    ]


def test_no_library_is_no_problem(tmp_path: Path) -> None:
    assert read_documents(tmp_path) == ([], [])
    assert read_collections(tmp_path) == ([], [])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text(document(id="secret"))
    write(
        tmp_path,
        {
            "manuals/sjis.ja.md": "---\nid: a\ntitle: 日本\n".encode("cp932"),
            "manuals/large.ja.md": document() + "a" * MAX_BYTES,
            "manuals/deep/x.ja.md": document(),
            "manuals/good.ja.md": document(),
        },
    )
    manuals = tmp_path / "content" / "manuals"
    (manuals / "out.ja.md").symlink_to(tmp_path / "secret.md")
    (manuals / "lost.ja.md").symlink_to(tmp_path / "nowhere.md")
    (manuals / "loop.ja.md").symlink_to(manuals / "loop.ja.md")
    (manuals / "in.en.md").symlink_to(manuals / "good.ja.md")
    documents, problems = read_documents(tmp_path)
    assert [found.slug for found in documents] == ["good", "in"]
    assert [line.split(": ")[0] for line in printed(problems)] == [
        "content/manuals/deep/x.ja.md:1",
        "content/manuals/large.ja.md:1",
        "content/manuals/loop.ja.md:1",
        "content/manuals/lost.ja.md:1",
        "content/manuals/out.ja.md:1",
        "content/manuals/sjis.ja.md:3",
    ]


def test_a_shelf_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.ja.md").write_text(document())
    (tmp_path / "home" / "content").mkdir(parents=True)
    (tmp_path / "home" / "content" / "manuals").symlink_to(elsewhere)
    documents, problems = read_documents(tmp_path / "home")
    assert documents == []
    assert [problem.file for problem in problems] == ["content/manuals/a.ja.md"]


def test_one_id_is_one_document_in_a_language(tmp_path: Path) -> None:
    write(tmp_path, {"manuals/a.ja.md": document(), "manuals/b.ja.md": document(), "manuals/b.en.md": document()})
    _, problems = read_documents(tmp_path)
    assert printed(problems) == ["content/manuals/b.ja.md:1: the id “a” is already that of content/manuals/a.ja.md"]


@pytest.mark.parametrize(
    ("field", "fields"),
    [("collection", {"collection": "d"}), ("public", {"public": "true"}), ("audience", {"audience": "{plan: pro}"})],
)
def test_languages_of_a_document_agree(tmp_path: Path, field: str, fields: dict[str, str]) -> None:
    write(tmp_path, {"manuals/a.en.md": document(), "manuals/a.ja.md": document(title="B", order="3", **fields)})
    _, problems = read_documents(tmp_path)
    assert printed(problems) == [f"content/manuals/a.ja.md:1: “{field}” differs from that of content/manuals/a.en.md"]


def test_languages_agree_on_the_kind(tmp_path: Path) -> None:
    write(tmp_path, {"manuals/a.en.md": document(), "faq/a.ja.md": document()})
    _, problems = read_documents(tmp_path)
    assert printed(problems) == ["content/faq/a.ja.md:1: “kind” differs from that of content/manuals/a.en.md"]


def test_the_same_audience_written_in_two_ways_agrees(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "manuals/a.en.md": document(audience="{event: login, at_least: 1}"),
            "manuals/a.ja.md": document(audience="\n  event: login"),
        },
    )
    documents, problems = read_documents(tmp_path)
    assert (len(documents), problems) == (2, [])


def test_an_alias_has_one_owner(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "manuals/a.en.md": document(aliases="[old]"),
            "manuals/a.ja.md": document(aliases="[old]"),
            "manuals/b.en.md": document(id="b", aliases="[old, a]"),
        },
    )
    _, problems = read_documents(tmp_path)
    assert printed(problems) == [
        "content/manuals/b.en.md:1: the alias “old” is already that of content/manuals/a.en.md",
        "content/manuals/b.en.md:1: the alias “a” is the id of another document",
    ]


COLLECTIONS = [
    CollectionFile("start", {"ja": "はじめに", "en": "Getting started"}, 0),
    CollectionFile("運用", {"ja": "運用"}, 1),
]


@pytest.mark.parametrize(
    "text",
    [
        "- key: start\n  title: {ja: はじめに, en: Getting started}\n- key: 運用\n  title: {ja: 運用}\n",
        "start:\n  title: {ja: はじめに, en: Getting started}\n運用: {ja: 運用}\n",
        "collections:\n- {key: start, title: {ja: はじめに, en: Getting started}}\n- {key: 運用, title: {ja: 運用}}",
    ],
)
def test_collections(text: str) -> None:
    assert parse_collections(text, file="c.yml") == COLLECTIONS


def test_short_collections() -> None:
    assert parse_collections("- a\n- b\n", file="c.yml") == [CollectionFile("a", {}, 0), CollectionFile("b", {}, 1)]
    assert parse_collections("a: FAQ", file="c.yml") == [CollectionFile("a", {"ja": "FAQ", "en": "FAQ"}, 0)]
    assert parse_collections("", file="c.yml") == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("3", [1]),
        ("- key: a\n- key: A\n- key: a", [2, 3]),
        ("- key: a\n  titel: x", [2]),
        ("- title: x", [1]),
        ("- key: a\n  title: {fr: x}", [2]),
        ("- key: a\n  title: {ja: 3}", [2]),
        ("a:\n  title: [x]\nb: ''", [2, 3]),
        ("collections:\n  - key: a\n    title: 3", [3]),
    ],
)
def test_collections_that_are_wrong(text: str, lines: list[int]) -> None:
    with pytest.raises(FileProblems) as caught:
        parse_collections(text, file="c.yml")
    assert sorted(line for line, _ in said(caught.value.problems)) == lines


def test_reading_collections(tmp_path: Path) -> None:
    write(tmp_path, {"collections.yml": "- a\n- A\n"})
    found, problems = read_collections(tmp_path)
    assert found == []
    assert [problem.into("en").split(": ")[0] for problem in problems] == ["content/collections.yml:2"]
    write(tmp_path, {"collections.yml": "- a\n"})
    assert read_collections(tmp_path) == ([CollectionFile("a", {}, 0)], [])


WORDS = "id title collection order audience publish_at aliases a 日 2026-02-30 99999999999 --- ... null true .nan 0x_"
HEADS = st.lists(
    st.sampled_from([*WORDS.split(), *"[]{}\"'#&*!|>\t\n", ": ", "- ", "  "]),
    max_size=25,
).map("".join)


@given(HEADS, st.text(max_size=20))
def test_any_file_is_read_or_refused(head: str, body: str) -> None:
    text = f"---\n{head}\n---\n{body}"
    try:
        lines = [parse_document(text, file=FILE).body_line]
    except FileProblems as error:
        lines = [problem.line for problem in error.problems]
    assert lines
    assert all(1 <= line <= len(text.splitlines()) + 1 for line in lines)
