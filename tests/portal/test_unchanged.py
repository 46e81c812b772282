"""A folder that is as it was published is published by a look, and whatever could make a difference is seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlmodel import Session

from portal import publishing, unchanged
from portal.kit.db import Database
from portal.kit.i18n import Locale
from portal.publish_command import said, said_again
from portal.unchanged import Said
from tests.library import document, tutorial, write
from tests.onboarding import TOKYO, World, listening, open_world
from tests.pictures import picture
from tests.statements import statements_to

FILES: dict[str, Any] = {
    "content/manuals/setup.ja.md": document("setup", "![画面](setup.png)\n"),
    "content/manuals/setup.png": picture(),
    "content/collections.yml": "- {key: start, title: {ja: はじめに, en: Start}}\n",
    "content/segments.yml": "- {key: small, title: {ja: 小さな顧客}, condition: {not: {tier: high}}}\n",
    "content/checklists/start.yml": "key: start\ntitle: {ja: はじめの30日}\nsteps: [{key: call, title: {ja: 電話}}]\n",
    **tutorial("first", steps=["one"]),
    "tutorials/first/steps/one.en.md": "In English.\n",
}
SAID = Said(
    [],
    [
        "documents: 0 added, 0 changed, 1 unchanged, 0 archived",
        "tutorials: 0 added, 0 changed, 1 unchanged, 0 archived",
        "segments: small unchanged",
        "checklists: start unchanged",
    ],
)


@dataclass(frozen=True)
class Chosen:
    """The settings that matter."""

    locale: Locale = "ja"
    upload_mb: int = 1
    zone: ZoneInfo = TOKYO


@dataclass
class Published:
    """The folder, and the installation it was published to as `banso publish` does it."""

    root: Path
    world: World

    async def publish(self) -> Said:
        """Publish in earnest, and keep that it was; what was said."""
        found = unchanged.look(self.root)
        files = publishing.read(self.root, zone=TOKYO)
        ready = publishing.prepare(files, state=await self.world.db.read(publishing.state))

        def work(session: Session) -> Said:
            now = self.world.now
            done = publishing.publish(session, ready, agreed=(), by="test", now=now, zone=TOKYO)
            again = said_again(done, "ja")
            if found and again:
                unchanged.note(session, found, again, Chosen(), by="test", now=now)
            return said(done, "ja")

        return await self.world.write(work)

    async def by_a_look(self, chosen: Chosen = Chosen()) -> Said | None:
        """What is said without publishing."""
        found = unchanged.look(self.root)
        return (
            None
            if found is None
            else await self.world.db.read(lambda session: unchanged.said_of(session, found, chosen))
        )


@pytest.fixture
async def published(db: Database, tmp_path: Path) -> AsyncIterator[Published]:
    with listening():
        one = Published(write(tmp_path, FILES), await open_world(db))
        assert await one.by_a_look() is None
        await one.publish()
        yield one


async def test_it_says_what_publishing_says(published: Published) -> None:
    assert await published.by_a_look() == SAID == await published.publish() == await published.by_a_look()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_warning_is_said_each_time(published: Published) -> None:
    """What is wrong may be said only when a text is rendered, so a look tells no more than publishing again did."""
    write(published.root, {"content/manuals/setup.ja.md": document("setup", "[先へ](manuals/gone)\n")})
    first = await published.publish()
    assert (len(first.warnings), await published.by_a_look()) == (1, None)
    assert (await published.publish()).warnings == first.warnings
    assert await published.by_a_look() == Said(first.warnings, SAID.lines)
    # An event that nobody has sent yet may come at any time.
    done = "{event: invoice.sent, at_least: 1}"
    text = FILES["content/checklists/start.yml"].replace("電話}", f"電話}}, done_when: {done}")
    write(published.root, {"content/checklists/start.yml": text})
    for _ in range(2):
        assert len((await published.publish()).warnings) == 2
        assert await published.by_a_look() is None


CHANGES: dict[str, Callable[[Path], object]] = {
    "another text": lambda root: write(
        root, {"content/manuals/setup.ja.md": document("setup", "![画面](setup.png) 。\n")}
    ),
    "another picture": lambda root: write(root, {"content/manuals/setup.png": picture(colour="red")}),
    "a new file": lambda root: write(root, {"content/faq/why.ja.md": document("why")}),
    "one gone": lambda root: (root / "content/manuals/setup.ja.md").unlink(),
    "one renamed": lambda root: (root / "content/manuals/setup.ja.md").rename(root / "content/manuals/set-up.ja.md"),
    "a link": lambda root: (root / "content/manuals/b.ja.md").symlink_to(root / "content/manuals/setup.ja.md"),
    "a linked folder": lambda root: (root / "content/faq").symlink_to(root / "content/manuals"),
}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_whatever_is_changed_in_the_folder_is_seen(
    published: Published, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name, change in CHANGES.items():
        published.root = write(tmp_path_factory.mktemp("folder"), FILES)
        assert await published.by_a_look() == SAID
        change(published.root)
        assert await published.by_a_look() is None, name
    published.root = write(tmp_path_factory.mktemp("folder"), FILES)
    for chosen in (Chosen(upload_mb=2), Chosen(zone=ZoneInfo("Europe/Paris")), Chosen(locale="en")):
        assert await published.by_a_look(chosen) is None


async def test_whatever_is_changed_in_the_library_is_seen(published: Published) -> None:
    """One change in each table that is compared, and what others do meanwhile."""
    changes = {
        "alembic_version": "SET version_num = '9'",
        "checklist": "SET origin = 'studio'",
        "checklist_version": "SET digest = 'x'",
        "collection": "SET title = '{}'",
        "document": "SET is_public = NOT is_public",
        "document_variant": "SET title = 'x'",
        "media": "SET alt = 'x'",
        "media_edition": "SET digest = 'x'",
        "media_use": "SET part = 'x'",
        "search_entry": "SET digest = 'x'",
        "segment": "SET origin = 'browser'",
        "tutorial": "SET minutes = 9",
        "tutorial_step": "SET position = 9",
        "tutorial_text": "SET rendering = 0",
    }
    assert changes.keys() == unchanged.COMPARED.keys()
    found = unchanged.look(published.root)
    assert found

    def seen(session: Session) -> Said | None:
        return unchanged.said_of(session, found, Chosen())

    def try_all(session: Session) -> set[str]:
        missed = set()
        for table, change in changes.items():
            with session.begin_nested() as attempt:
                session.connection().execute(text(f'UPDATE "{table}" {change}'))
                if seen(session) is not None:
                    missed.add(table)
                attempt.rollback()
        return missed

    assert await published.world.write(try_all) == set()
    await published.world.account("acme", plan="starter")
    assert await published.by_a_look() == SAID


ASIDE = {
    "document_revision": "a text never changes, and which one is live is compared",
    "media_rendition": "the files of an edition never change",
    "segment_account": "who is in a segment follows the accounts by itself",
    "plan": "names nobody has seen are warned of, and after a warning nothing is kept",
    "event_day": "names nobody has seen are warned of, and after a warning nothing is kept",
    "library_edition": "only held",
}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_whatever_publishing_asks_is_compared(published: Published) -> None:
    files = publishing.read(published.root, zone=TOKYO)
    now = published.world.now

    def work(session: Session) -> set[str]:
        with statements_to(session) as said:
            ready = publishing.prepare(files, state=publishing.state(session))
            publishing.preview(session, ready, now=now, zone=TOKYO)
            publishing.preview_segments(session, ready, now=now, zone=TOKYO)
            publishing.publish(session, ready, agreed=(), by="test", now=now, zone=TOKYO)
        tables = r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?([a-z_]+)'
        return {name for statement in said for name in re.findall(tables, statement, re.IGNORECASE)}

    asked = await published.world.write(work)
    assert asked == unchanged.COMPARED.keys() - {"alembic_version"} | ASIDE.keys()
