"""A library and its readers for tests: files on disk, published for real, looked at through real pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from fastapi import APIRouter, FastAPI
from sqlmodel import Session

from portal.content import media_door as documents_door
from portal.content import publish as documents
from portal.content.files import read_collections, read_documents
from portal.content.places import Places
from portal.content.prepare import prepare, state
from portal.kit.db import Database
from portal.kit.files import FileProblems
from portal.kit.mail import ConsoleMailer
from portal.kit.paths import bundled
from portal.kit.secrets import Secrets
from portal.kit.templating import Assets, Templates
from portal.kit.web import Site
from portal.media import publish as media_files
from portal.media import uses
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.tutorials import files as tutorial_files
from portal.tutorials import media_door as tutorials_door
from portal.tutorials import publish as tutorials
from tests.applications import pages_of
from tests.factories import NOW

TOKYO = ZoneInfo("Asia/Tokyo")
MOST = 5_000_000
uses.open_door(documents_door.KIND, documents_door.DOOR)
uses.open_door(tutorials_door.KIND, tutorials_door.DOOR)


@dataclass
class Clock:
    """A clock in the test's hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The files under `root`, by their paths."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def document(key: str, body: str = "本文です。\n", **front: object) -> str:
    """The text of a document's file; a front field given as None is left out."""
    fields: dict[str, object] = {"id": key, "title": f"“{key}”の使い方", "collection": "start", **front}
    head = "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)
    return f"---\n{head}---\n{body}"


def tutorial(key: str, steps: Sequence[str] = ("one", "two"), **fields: object) -> dict[str, str]:
    """The files of a tutorial whose steps are in Japanese."""
    head = {"key": key, "title": f"{{ja: {key}を始める}}", **fields}
    yml = "".join(f"{name}: {value}\n" for name, value in head.items())
    yml += "steps:\n" + "".join(f"  - {{key: {step}, title: {{ja: 手順 {step}}}}}\n" for step in steps)
    texts = {f"tutorials/{key}/steps/{step}.ja.md": f"{step} の本文です。\n" for step in steps}
    return {f"tutorials/{key}/tutorial.yml": yml, **texts}


async def publish(db: Database, root: Path, *, now: datetime = NOW, others: Collection[str] = ()) -> documents.Summary:
    """Publish the documents under `root`, as the command does."""
    files, problems = read_documents(root)
    collections, more = read_collections(root)
    if problems or more:
        raise FileProblems([*problems, *more])
    shelf = Shelf(await db.read(every), root, MOST)
    prepared = prepare(files, collections, state=await db.read(state), others=others, media=shelf)

    def work(session: Session) -> documents.Summary:
        replaced = media_files.apply(session, shelf, now=now)
        summary = documents.apply(session, prepared, now=now)
        media_files.settle(session, shelf, replaced, ["content"], now=now)
        return summary

    return await db.write(work)


async def publish_tutorials(db: Database, root: Path, *, now: datetime = NOW) -> tutorials.Summary:
    """Publish the tutorials under `root`, as the command does."""
    files, problems = tutorial_files.read_tutorials(root)
    if problems:
        raise FileProblems(problems)
    known, _ = read_documents(root)
    places = Places(known, [f"tutorials/{file.key}" for file in files])
    shelf = Shelf(await db.read(every), root, MOST)
    prepared = tutorials.prepare(files, state=await db.read(tutorials.state), places=places, media=shelf)

    def work(session: Session) -> tutorials.Summary:
        media_files.settle(session, shelf, media_files.apply(session, shelf, now=now), (), now=now)
        return tutorials.apply(session, prepared, now=now)

    return await db.write(work)


def portal_with(db: Database, clock: Clock, *routers: APIRouter) -> FastAPI:
    """A portal with these pages and no others."""
    site = Site(
        database=db,
        secrets=Secrets("a secret of more than thirty-two characters"),
        templates=Templates(assets=Assets(bundled("static", "dist")), zone=TOKYO),
        mailer=ConsoleMailer(sender="portal@example.com"),
        clock=clock,
        zone=TOKYO,
        locale="ja",
        base_url="http://portal.example",
        vendor_name="伴走クラウド",
        link_minutes=30,
        session_days=30,
        trusted_proxies="",
        upload_bytes=MOST,
    )
    return pages_of(site, *routers)


def browser(app: FastAPI, token: str | None = None, *, language: str = "ja") -> httpx.AsyncClient:
    """A browser, signed in where it has a token."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://portal.example",
        headers={"accept-language": language},
        cookies={"banso": token} if token else None,
    )


def csrf_in(response: httpx.Response) -> str:
    """The token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', response.text)
    assert found, response.text
    return found[1]
