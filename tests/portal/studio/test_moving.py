"""Moving in: what pages of MkDocs and Docusaurus become, where their links lead, and all of it or nothing."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.content.library import COLLECTION
from portal.content.models import Document
from portal.kit.db import Database
from portal.kit.errors import BansoError, Conflict, Forbidden, Invalid
from portal.kit.files import FileProblems
from portal.kit.i18n import Locale
from portal.media.models import Media, MediaEdition
from portal.studio import moving_pages, workflow
from portal.studio.manuscripts import writing
from portal.studio.models import Manuscript
from portal.studio.moving import record
from portal.studio.moving.arrival import Brought, bring_in, check, unpack
from portal.studio.moving.links import relinked
from portal.studio.moving.packed import unpacked
from portal.studio.moving.tree import read_tree
from portal.studio.moving.words import translated
from portal.studio.writing import keep, save
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with
from tests.pictures import picture
from tests.portal.studio.conftest import FORM, People

WORDS = [
    ("plain", "文。\n\n- a\n", "文。\n\n- a\n", []),
    ("docusaurus", ":::info[題名]\n中身\n:::", ":::note 題名\n中身\n:::", []),
    ("docusaurus, no brackets", ":::danger 題名\n中身\n:::", ":::warning 題名\n中身\n:::", []),
    ("unknown callout", ":::poem\n中身\n:::", ":::note\n中身\n:::", [1]),
    ("steps stay", ":::steps\n1. a\n:::", ":::steps\n1. a\n:::", []),
    ("mkdocs", '!!! tip "題"\n    一\n\n    二\nあと', ":::tip 題\n一\n\n二\n:::\nあと", []),
    ("mkdocs, folded", "??? bug\n    一", ":::warning\n一\n:::", []),
    ("nested", "!!! note\n    !!! tip\n        一", "::::note\n:::tip\n一\n:::\n::::", []),
    ("in a list", "- a\n\n    !!! note\n        一\n", "- a\n\n    :::note\n    一\n    :::\n", []),
    ("code", "```\n!!! note\n    x\n<b>\n```", "```\n!!! note\n    x\n<b>\n```", []),
    ("code in a callout", "!!! note\n    ```\n    !!! x\n    ```", ":::note\n```\n!!! x\n```\n:::", []),
    ("tabs", '=== "Mac"\n\n    一\n', "\n**Mac**\n\n\n一\n\n", [1]),
    ("tab items", '<Tabs>\n<TabItem value="mac" label="Mac">\n一\n</TabItem>\n</Tabs>', "\n\n**mac**\n\n一\n\n", [2]),
    ("components", "<Card title='x'/>\n一", "\n一", [1]),
    ("modules", "import A from '@site/a';\n一", "一", [1]),
    ("comments", "<!-- a\nb -->一{/* c */}", "\n一", []),
    ("open comment", "<!-- a", "<!-- a", []),
    ("html", "<b>太字</b>と<kbd>Ctrl</kbd> `<b>` <u>線</u>", "**太字**と`Ctrl` `<b>` <u>線</u>", [1]),
    ("pictures", '<img src="a b.png" alt="絵" width="3">', "![絵](a%20b.png)", []),
    ("links", '<a href="a.md" target="_blank">行く</a>', "[行く](a.md)", []),
    ("attributes", '## 題 {#here}\n![a](b.png){ width="300" } `{a}`', "## 題\n![a](b.png) `{a}`", []),
    ("folds", "<details>\n<summary>題</summary>\n一\n</details>", "\n\n**題**\n\n一\n", [1, 2]),
    ("macros", "{{ version }} です", "{{ version }} です", [1]),
    ("snippets", '--8<-- "a.md"', '--8<-- "a.md"', [1]),
    ("long line", "<b>" * 2_000, "<b>" * 2_000, [1]),
]


@pytest.mark.parametrize(("body", "becomes", "noted"), [one[1:] for one in WORDS], ids=[one[0] for one in WORDS])
def test_what_a_page_becomes(body: str, becomes: str, noted: list[int]) -> None:
    lines, notes = translated(body)
    assert "\n".join(line for _, line in lines) == becomes
    assert [line for line, _ in notes] == noted


def test_hostile_pages_cost_little() -> None:
    """What grew with the square of a text's size would take minutes here."""
    begun = time.process_time()
    for part in ("<!--", "`", "<a href='" * 500 + "\n", "[](" * 1_000 + "\n", "{{", "<details>\n", "!!! note\n    "):
        lines, _ = translated(part * (100_000 // len(part)))
        relinked(lines, lambda target: None)
    assert time.process_time() - begun < 10


def written(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


MKDOCS: Mapping[str, str | bytes] = {
    "mkdocs.yml": (
        "site_name: 例\nextra: !ENV [A, b]\n"
        "nav:\n- Home: index.md\n- 始める:\n  - 招く: guide/invite.md\n  - guide/deep/api.md\n- Blog: https://x.example\n"
    ),
    "docs/index.md": (
        "# ようこそ\n\n[招く](guide/invite.md#手順) [API](guide/deep/api/) ![図](img/図.png)\n\n[無](no.md)\n"
    ),
    "docs/guide/invite.md": (
        "---\ntitle: 招待\ntags: [a, b]\n---\n# 招待\n\n[前](../index.md) ![図](../img/図.png)\n\n[x]: deep/api.md\n"
    ),
    "docs/guide/deep/api.md": "本文 `[a](../invite.md)`\n",
    "docs/img/図.png": picture(),
    "docs/notes.txt": "text",
}
DOCUSAURUS: Mapping[str, str | bytes] = {
    "docusaurus.config.js": "",
    "docs/intro.md": (
        "---\nsidebar_position: 2\nslug: /\n---\n# はじめに\n\n[次](./basics/first-step.mdx) ![絵](/img/a.png)\n"
    ),
    "docs/basics/_category_.json": '{"label": "基本", "position": 1}',
    "docs/basics/first-step.mdx": "---\nid: first\ntitle: 最初\nsidebar_position: 1.5\n---\n[戻る](/docs/intro)\n",
    "docs/advanced/_category_.json": '{"label": "応用", "position": 0}',
    "docs/advanced/x.md": "# 応用\n",
    "i18n/en/docusaurus-plugin-content-docs/current/intro.md": "# Introduction\n\n[Next](./basics/first-step.mdx)\n",
    "static/img/a.png": picture(colour="red"),
    "node_modules/x/readme.md": "# no\n",
}


def brought(root: Path, *, locale: Locale = "ja") -> Brought:
    return unpack(read_tree(root, locale=locale), most=10_000_000)


def shown(found: Brought) -> list[tuple[str, str, str, str, str]]:
    return [(one.key, one.locale, one.form.title, one.form.collection, one.form.order) for one in found.drafts]


def test_mkdocs_goes_by_its_nav(tmp_path: Path) -> None:
    found = brought(written(tmp_path, MKDOCS))
    assert shown(found) == [
        ("home", "ja", "ようこそ", "general", "10"),
        ("invite", "ja", "招待", "始める", "20"),
        ("api", "ja", "Api", "始める", "30"),
    ]
    media = next(iter(found.media.values()))[0]
    assert found.drafts[0].form.body == (
        f"[招く](manuals/invite#手順) [API](manuals/api) ![図](media:{media})\n\n[無](no.md)\n"
    )
    assert found.drafts[1].form.body == f"[前](manuals/home) ![図](media:{media})\n\n[x]: manuals/api\n"
    assert found.drafts[2].form.body == "本文 `[a](../invite.md)`\n"
    assert [note.into("en") for note in found.notes] == [
        "docs/guide/invite.md:3: “tags” was left out (a, b): the search reads the text, and other words go into the "
        "synonyms",
        "docs/index.md:5: the link “no.md” leads nowhere",
        "mkdocs.yml:1: “https://x.example” in nav is no page, and was left out",
    ]


def test_docusaurus_goes_by_positions_and_has_its_languages(tmp_path: Path) -> None:
    found = brought(written(tmp_path, DOCUSAURUS))
    assert shown(found) == [
        ("intro", "ja", "はじめに", "general", "20"),
        ("intro", "en", "Introduction", "general", ""),
        ("advanced-x", "ja", "応用", "advanced", ""),
        ("first", "ja", "最初", "basics", "15"),
    ]
    assert list(found.collections) == ["general", "advanced", "basics"]
    assert found.collections["basics"] == {"ja": "基本"}
    bodies = {(one.key, one.locale): one.form.body for one in found.drafts}
    assert bodies["intro", "ja"].startswith("[次](manuals/first) ![絵](media:a-")
    assert bodies["first", "ja"] == "[戻る](manuals/intro)\n"
    assert found.notes == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.txt": "x"}, "there is no markdown here"),
        ({"a.md": b"\xff"}, "a.md:1: this file is not UTF-8"),
        ({"a.md": "---\na: [\n---\n"}, "a.md:2"),
        ({"mkdocs.yml": "a: [", "docs/a.md": "x"}, "this is not YAML"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, files: Mapping[str, str | bytes], said: str) -> None:
    with pytest.raises(FileProblems) as wrong:
        brought(written(tmp_path, files))
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    "nav",
    [
        "nav: &a\n- index.md\n- x: *a\n",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'x: *{a}'] * 10)}]\n" for a, b in ("ab", "bc", "cd", "de"))
        + "nav: *e\n",
    ],
)
def test_a_nav_that_names_itself_again_and_again_ends(tmp_path: Path, nav: str) -> None:
    found = brought(written(tmp_path, {"mkdocs.yml": nav, "docs/index.md": "# 一\n"}))
    assert [one.form.title for one in found.drafts] == ["一"]
    assert len(found.notes) <= 5_000


async def test_all_of_it_becomes_drafts_or_nothing_does(db: Database, people: People, tmp_path: Path) -> None:
    found = brought(written(tmp_path / "a", MKDOCS))
    await db.write(partial(bring_in, brought=found, source="old", person=people.writer, now=NOW))

    def looked(session: Session) -> tuple[str, str, int, list[str]]:
        one = writing(session, "invite", "ja")
        assert one
        media = session.execute(select(func.count()).select_from(Media)).scalar_one()
        shelves = session.execute(select(COLLECTION.c.key).order_by(COLLECTION.c.position)).scalars().all()
        return one.manuscript.state, one.revision.note, media, list(shelves)

    assert await db.read(looked) == ("draft", "docs/guide/invite.md", 1, ["general", "始める"])

    more = {**MKDOCS, "mkdocs.yml": "site_name: x\n", "docs/new.md": "# 新しい\n"}
    again = brought(written(tmp_path / "b", more))
    assert [one.message.params["id"] for one in await db.read(lambda session: check(session, again))] == [
        "home",
        "invite",
        "api",
    ]
    with pytest.raises(FileProblems):
        await db.write(partial(bring_in, brought=again, source="old", person=people.writer, now=NOW))
    assert await db.read(lambda session: session.get(Document, "new")) is None
    assert (await db.read(looked))[2] == 1


async def test_an_import_is_taken_back_but_for_what_was_worked_on(db: Database, people: People, tmp_path: Path) -> None:
    pages = {f"docs/more/{name}.md": f"# {name}\n\n![図](../img/図.png)\n" for name in "abcd"}
    folder = written(tmp_path, {**DOCUSAURUS, **pages, "docs/img/図.png": picture()})
    bring = partial(bring_in, brought=brought(folder), source="old.zip", person=people.writer, now=NOW)
    number = await db.write(bring)

    def work_on_some(session: Session) -> None:
        one = writing(session, "intro", "ja")
        assert one
        form = replace(FORM, slug="intro", collection="general")
        save(session, document=one.document, locale="ja", form=form, base=1, person=people.writer, now=NOW)
        workflow.act(session, key="more-a", locale="ja", act="submit", person=people.writer, base=1, now=NOW)
        keep(session, key="more-b", locale="ja", form=FORM, base=1, person=people.other, now=NOW)

    await db.write(work_on_some)

    def there(session: Session) -> tuple[set[str], set[str], list[str]]:
        texts = session.execute(select(col(Manuscript.document_id), col(Manuscript.locale)))
        media = select(col(MediaEdition.name)).join(Media, col(Media.key) == col(MediaEdition.media_key))
        shown = session.execute(media.where(col(Media.removed_at).is_(None))).scalars().all()
        shelves = session.execute(select(COLLECTION.c.key)).scalars()
        return {f"{key}/{locale}" for key, locale in texts}, set(shelves), sorted(shown)

    def states(session: Session) -> dict[str, str]:
        drafts = record.drafts_of(session, record.record_of(session, number))
        return {f"{one.key}/{one.locale}": one.state for one in drafts if one.state != "untouched"}

    worked_on = {"intro/ja": "changed", "more-a/ja": "changed", "more-b/ja": "changed"}
    assert await db.read(states) == worked_on
    take_back = partial(record.take_back, record_id=number, person=people.other, now=NOW)
    done = await db.write(take_back)
    assert (done.drafts, done.media, sorted(done.left)) == (5, 1, ["a", "b", "請求書を受け取る"])
    assert await db.read(there) == (set(worked_on), {"general", "more"}, ["図.png"])
    assert set((await db.read(states)).values()) == {"changed", "gone"}
    with pytest.raises(Conflict):
        await db.write(take_back)
    with pytest.raises(Forbidden):
        await db.write(partial(record.take_back, record_id=number, person=people.viewer, now=NOW))


async def test_an_import_nobody_touched_leaves_nothing(db: Database, people: People, tmp_path: Path) -> None:
    """So that the same folder can be imported once more, better than before."""
    folder = written(tmp_path, DOCUSAURUS)
    for _ in range(2):
        bring = partial(bring_in, brought=brought(folder), source="old.zip", person=people.writer, now=NOW)
        number = await db.write(bring)
        done = await db.write(partial(record.take_back, record_id=number, person=people.writer, now=NOW))
        assert (done.drafts, done.collections, done.media, done.left) == (4, 3, 1, [])
        assert await db.read(lambda session: session.execute(select(col(Document.id))).all()) == []


def packed(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("name", ["../a.md", "/etc/a.md", "a/../../b.md", "c:\\a.md"])
def test_a_zip_stays_inside_itself(name: str) -> None:
    with pytest.raises(Invalid), unpacked(io.BytesIO(packed({name: "x"}))):
        pass


def test_a_zip_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.studio.moving.packed.MOST_UNPACKED", 1_000)
    for data in (packed({"a.md": "x" * 2_000}), b"PK\x03\x04 damaged", b""):
        with pytest.raises(BansoError), unpacked(io.BytesIO(data)):
            pass


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_zip_is_looked_at_and_then_brought_in(db: Database) -> None:
    data = packed({f"site/{name}": content for name, content in MKDOCS.items()})
    token = await db.write(lambda session: sign_in_as(session, make_staff(session, email="e@x.example", role="editor")))
    async with browser(portal_with(db, Clock(NOW), moving_pages.router), token) as client:
        first = await client.get(moving_pages.HERE)

        async def sent(act: str, content: bytes = data) -> tuple[int, str]:
            said = {"csrf": csrf_in(first), "act": act, "language": "ja"}
            answer = await client.post(moving_pages.HERE, data=said, files={"file": ("site.zip", content)})
            return answer.status_code, answer.text

        status, text = await sent("look")
        assert (status, "docs/guide/invite.md:3" in text, "取り込めます" in text) == (200, True, True)
        assert await db.read(lambda session: session.execute(select(col(Document.id))).all()) == []
        status, _ = await sent("import")
        assert status == 303
        report = await client.get(f"{moving_pages.HERE}/1")
        for words in ("下書きとして取り込みました", "/staff/content/invite/ja", "docs/guide/invite.md:3", "site.zip"):
            assert words in report.text
        status, text = await sent("import")
        assert (status, "記事「invite」はすでにあります" in text) == (422, True)
        status, text = await sent("look", b"no zip")
        assert (status, "読み取れるZIPファイルではありません" in text) == (422, True)
        assert "site.zip" in (await client.get(moving_pages.HERE)).text
        undo = f"{moving_pages.HERE}/1/undo"
        assert (await client.post(undo, data={"csrf": csrf_in(report)})).status_code == 303
        after = (await client.get(f"{moving_pages.HERE}/1")).text
        assert "3件の下書きと1件の画像・ファイルを取り消しました" in after
        assert (undo in report.text, undo in after) == (True, False)
        await client.post(undo, data={"csrf": csrf_in(report)})
        assert "すでに元に戻してあります" in (await client.get(f"{moving_pages.HERE}/1")).text
        assert (await client.get(f"{moving_pages.HERE}/2")).status_code == 404
