"""Files and studio together: taking over, giving back, and the library back as files, byte for byte."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal import publishing
from portal.content.library import DOCUMENT, VARIANT, current
from portal.kit.db import Database, run
from portal.kit.errors import Conflict
from portal.kit.files import FileProblems
from portal.kit.paths import CHECKOUT
from portal.media.making import make
from portal.media.models import MediaBlob
from portal.media.packed import write_media
from portal.media.service import every, keep_files_now
from portal.media.service import save as save_media
from portal.studio import arranging, export
from portal.studio.forking import fork, unfork
from portal.studio.front import form_of
from portal.studio.going_out import publish
from portal.studio.history import revision_of, revisions
from portal.studio.manuscripts import document_of, slug_in, writing
from portal.studio.writing import begin, save
from tests.factories import NOW
from tests.library import TOKYO, document, write
from tests.library import publish as publish_files
from tests.pictures import PDF, moving, picture
from tests.portal.studio.conftest import FORM, People

INVITING = """---
id: inviting
title: '招待する'   # in quotes, for no reason
collection: start
audience: {plan: [starter, pro]}
---
本文です。
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "content/manuals/inviting.ja.md": INVITING,
        "content/manuals/inviting.en.md": document("inviting", "Text.\n", audience="{plan: [starter, pro]}"),
        "content/faq/why.ja.md": document("why"),
        "content/collections.yml": "- {key: start, title: {ja: はじめに}}\n",
    }
    return write(tmp_path / "vendor", files)


async def written(db: Database, key: str, people: People, **changes: Any) -> int:
    """A new text of a document in Japanese, saved by the owner."""

    def work(session: Session) -> int:
        found = writing(session, key, "ja")
        assert found
        file = found.revision.file
        form = form_of(found.revision.text, slug=slug_in(file), kind="manual", zone=TOKYO)
        return save(
            session,
            document=document_of(session, key),
            locale="ja",
            form=replace(form, **changes),
            base=found.revision.number,
            person=people.owner,
            now=NOW,
        ).number

    return await db.write(work)


async def title_of(db: Database, key: str) -> str:
    return (await db.read(current)).entries[key].variants["ja"].title


async def test_a_file_keeps_its_history_too(db: Database, root: Path) -> None:
    await publish_files(db, root)
    await publish_files(db, root)
    write(root, {"content/manuals/inviting.ja.md": INVITING + "もう一文。\n"})
    await publish_files(db, root)
    texts = await db.read(lambda session: {one.number: one.text for one in revisions(session, "inviting", "ja")})
    assert texts == {1: INVITING, 2: INVITING + "もう一文。\n"}


async def test_what_was_taken_over_is_left_alone_by_files_until_it_is_given_back(
    db: Database, root: Path, people: People
) -> None:
    await publish_files(db, root)
    for _ in range(2):
        await db.write(partial(fork, key="inviting", person=people.writer, now=NOW))
    assert await written(db, "inviting", people, title="招き入れる") == 2
    await publish(db, [("inviting", "ja")], person=people.owner, now=NOW)

    summary = await publish_files(db, root)
    assert [warning.file for warning in summary.warnings] == [
        "content/manuals/inviting.en.md",
        "content/manuals/inviting.ja.md",
    ]
    assert (summary.changed, summary.archived) == ([], [])
    assert await title_of(db, "inviting") == "招き入れる"

    await db.write(partial(unfork, key="inviting", person=people.writer, now=NOW))
    assert await title_of(db, "inviting") == "招き入れる"
    summary = await publish_files(db, root)
    assert (summary.changed, summary.warnings) == ([("inviting", "ja")], [])
    assert await title_of(db, "inviting") == "招待する"
    kept = await db.read(lambda session: revision_of(session, "inviting", "ja", 2))
    assert "招き入れる" in kept.text


async def test_what_was_born_here_has_no_file_to_go_back_to(db: Database, people: People) -> None:
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.owner, now=NOW))
    with pytest.raises(Conflict):
        await db.write(partial(unfork, key="invoices", person=people.owner, now=NOW))


async def test_the_library_comes_back_as_files(db: Database, root: Path, people: People, tmp_path: Path) -> None:
    await publish_files(db, root)
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.owner, now=NOW))
    await publish(db, [("invoices", "ja")], person=people.owner, now=NOW)
    await db.write(partial(fork, key="inviting", person=people.owner, now=NOW))
    await written(db, "inviting", people, title="招き入れる", audience="", slug="bring-in")
    await publish(db, [("inviting", "ja")], person=people.owner, now=NOW)

    done = export.write(root, await db.read(export.texts))

    assert done.moved == (("content/manuals/inviting.ja.md", "content/manuals/bring-in.ja.md"),)
    text = (root / "content/manuals/bring-in.ja.md").read_text(encoding="utf-8")
    assert text == INVITING.replace("'招待する'   # in quotes, for no reason", "招き入れる").replace(
        "audience: {plan: [starter, pro]}\n", ""
    )
    # What all languages share is the same in the other one, which nobody has published since.
    assert "audience" not in (root / "content/manuals/inviting.en.md").read_text(encoding="utf-8")
    assert "## 準備" in (root / "content/manuals/invoices.ja.md").read_text(encoding="utf-8")
    assert export.write(root, await db.read(export.texts)).changed == ()
    await publish_files(db, root)
    assert export.write(tmp_path / "again", await db.read(export.texts)).moved == ()


def library_in(session: Session) -> dict[str, dict[Any, Any]]:
    """Everything readers have, with the bytes of pictures and files by their digests."""
    texts = {
        (row.document_id, row.locale): (row.slug, row.title, row.html, row.source, row.digest)
        for row in session.execute(select(VARIANT).where(VARIANT.c.archived_at.is_(None)))
    }
    documents = {row.id: (row.kind, row.collection_key, row.is_public) for row in session.execute(select(DOCUMENT))}
    media = {item.key: (item.kind, item.name, item.alt, item.digest, item.names) for item in every(session)}
    blobs = {row[0]: row[1] for row in session.execute(select(col(MediaBlob.digest), col(MediaBlob.size)))}
    return {"texts": texts, "documents": documents, "media": media, "blobs": blobs}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_pictures_and_files_go_round_into_an_empty_library(
    db: Database, people: People, tmp_path: Path, migrated_sqlite: Path
) -> None:
    body = "![画面](images/a.png)\n\n[資料](images/資料.pdf)\n"
    files: dict[str, str] = {"content/manuals/shown.ja.md": document("shown", body)}
    vendor = write(tmp_path / "vendor", files)
    (vendor / "content/manuals/images").mkdir()
    (vendor / "content/manuals/images/a.png").write_bytes(picture(600, 400))
    (vendor / "content/manuals/images/資料.pdf").write_bytes(PDF)
    await asyncio.to_thread(run, str(db.url), partial(publish_all, vendor))
    kept = [
        make(io.BytesIO(data), name, most=10_000_000) for data, name in ((moving(), "動き.gif"), (picture(), "x.png"))
    ]

    def uploaded(session: Session) -> str:
        for made in kept:
            keep_files_now(session, made, now=NOW)
        shown = save_media(session, kept[0], by="x", now=NOW, alt="動く絵")
        save_media(session, kept[1], by="x", now=NOW)
        form = replace(FORM, body=f"![](media:{shown.key})\n")
        return begin(session, form=form, key="invoices", locale="ja", person=people.owner, now=NOW)

    await db.write(uploaded)
    await publish(db, [("invoices", "ja")], person=people.owner, now=NOW)

    out = tmp_path / "out"

    def exported(session: Session) -> list[str]:
        export.write(out, export.texts(session))
        return write_media(session, out, export.media_shown(session))

    wrote = await asyncio.to_thread(run, str(db.url), exported, write=False)
    assert len([one for one in wrote if one.endswith("media.yml")]) == 3
    assert await asyncio.to_thread(run, str(db.url), exported, write=False) == []
    fresh = tmp_path / "fresh.db"
    shutil.copyfile(migrated_sqlite, fresh)
    assert (await asyncio.to_thread(run, f"sqlite:///{fresh}", partial(publish_all, out))).warnings == ()
    here = await asyncio.to_thread(run, str(db.url), library_in, write=False)
    there = await asyncio.to_thread(run, f"sqlite:///{fresh}", library_in, write=False)
    unused = next(key for key, one in here["media"].items() if one[1] == "x.png")
    del here["media"][unused]
    gone = set(here["blobs"]) - set(there["blobs"])
    assert gone == {part.digest for part in kept[1].parts}
    assert {**here, "blobs": {}} == {**there, "blobs": {}}
    again = await asyncio.to_thread(run, f"sqlite:///{fresh}", partial(publish_all, out))
    assert (again.documents.added, again.documents.changed, len(again.documents.unchanged)) == ([], [], 2)

    about = next(out.glob("content/media/*/media.yml"))
    text = about.read_text(encoding="utf-8")
    for wrong in ("digest: x", "files: [{name: ../../x, type: a, width: 1}]", "kind: script"):
        about.write_text(re.sub(rf"^{wrong.partition(':')[0]}:.*(\n[- ].*)*", wrong, text, flags=re.MULTILINE))
        with pytest.raises(FileProblems) as said:
            publishing.read(out, zone=TOKYO)
        assert said.value.problems[0].file == about.relative_to(out).as_posix()


def publish_all(root: Path, session: Session) -> publishing.Result:
    prepared = publishing.prepare(publishing.read(root, zone=TOKYO), state=publishing.state(session))
    return publishing.publish(session, prepared, agreed=(), by="test", now=NOW, zone=TOKYO)


async def test_collections_arranged_here_stay_so_when_files_are_published(
    db: Database, root: Path, people: People
) -> None:
    await publish_files(db, root)
    person = people.owner
    await db.write(partial(arranging.add, key="faq", title={"ja": "質問"}, person=person, now=NOW))
    await db.write(partial(arranging.move, key="faq", by=-1, person=person, now=NOW))
    await db.write(partial(arranging.rename, key="start", title={"ja": "最初に"}, person=person, now=NOW))

    summary = await publish_files(db, root)

    assert [warning.file for warning in summary.warnings] == ["content/collections.yml"]
    found = await db.read(arranging.collections)
    assert [(one.key, one.title) for one in found] == [("faq", {"ja": "質問"}), ("start", {"ja": "最初に"})]
    with pytest.raises(Conflict):
        await db.write(partial(arranging.remove, key="start", person=person, now=NOW))
    await db.write(partial(arranging.give_back, person=person, now=NOW))
    assert (await publish_files(db, root)).warnings == []
    assert {one.key: one.title for one in await db.read(arranging.collections)}["start"] == {"ja": "はじめに"}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_document_of_the_starter_library_goes_round(database_url: str, tmp_path: Path) -> None:
    """publish → export gives the same bytes; export → publish changes nothing."""
    source = tmp_path / "vendor"
    shutil.copytree(CHECKOUT / "content", source / "content")
    shutil.copytree(CHECKOUT / "tutorials", source / "tutorials")
    files = publishing.read(source, zone=TOKYO)

    def all_of_it(session: Session) -> publishing.Result:
        prepared = publishing.prepare(files, state=publishing.state(session))
        return publishing.publish(session, prepared, agreed=(), by="test", now=NOW, zone=TOKYO)

    run(database_url, all_of_it)
    texts = run(database_url, export.texts, write=False)
    documents = {name: text for name, text in texts.items() if name != export.COLLECTIONS}
    assert len(documents) > 40
    assert {name: (source / name).read_bytes() for name in documents} == {
        name: text.encode() for name, text in documents.items()
    }
    for file in (source / "content" / "manuals").glob("*.md"):
        file.unlink()  # the pictures beside them stay: texts are what is written back
    done = export.write(source, texts)
    assert set(done.changed) == set(documents)
    again = publishing.read(source, zone=TOKYO)
    prepared = publishing.prepare(again, state=run(database_url, publishing.state, write=False))
    result = run(
        database_url,
        lambda session: publishing.publish(session, prepared, agreed=(), by="test", now=NOW, zone=TOKYO),
    )
    assert (result.documents.added, result.documents.changed, result.documents.archived) == ([], [], [])
