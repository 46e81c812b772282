"""The wall, walked whole: every page, feed, file and address of the portal, as everyone who may stand before it.

Each document has words of its own in its title, its text, its picture and its file. A reader follows every link there
is from every place there is to begin, and must have met all the words of what is for them and none of any other; then
they try the address of everything, as if somebody had told them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

import httpx
import pytest
from sqlmodel import Session

from portal.content import related
from portal.kit.db import Database
from portal.main import build, site_from
from portal.media.service import every
from portal.settings import Settings
from tests.factories import NOW, make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import browser, csrf_in, document, publish, publish_tutorials, tutorial, write
from tests.pictures import PDF, picture

SOON = NOW + timedelta(days=2)
EVERYONE = {"stranger", "outsider", "insider", "staff"}
READERS = {"open": EVERYONE, "signed": EVERYONE - {"stranger"}, "inner": {"insider", "staff"}, "later": {"staff"}}
FRONT: dict[str, dict[str, object]] = {
    "open": {"public": "true"},
    "signed": {},
    "inner": {"audience": "{plan: pro}"},
    "later": {"public": "true", "publish_at": SOON},
}
BEGINNINGS = ("/", "/manuals", "/releases", "/releases.atom", "/sitemap.xml", "/robots.txt", "/tutorials", "/me")
STAFF_BEGINNINGS = ("/staff", "/staff/content", "/staff/content/feedback", "/staff/media")
LINK = re.compile(r"""(?:href|src)="([^"]+)"|<loc>([^<]+)</loc>|([^\s",]+) \d+w""")
MOST_PAGES = 450


def word(key: str, what: str) -> str:
    """A word that stands in one thing and nowhere else."""
    return f"zq{key}{what}qz"


def files() -> dict[str, str | bytes]:
    """Of each audience a manual and a release note, with a picture and a file of their own, alike in all else."""
    found: dict[str, str | bytes] = {}
    for key, front in FRONT.items():
        for folder, kind in (("manuals", "m"), ("releases", "r")):
            mark = f"{key}{kind}"
            body = (
                f"請求書と領収書の発行手順を説明します。{word(mark, 'text')}\n\n"
                f"![{word(mark, 'alt')}](images/{word(mark, 'picture')}.png)\n\n"
                f"[料金表](files/{word(mark, 'file')}.pdf)\n"
            )
            name = word(mark, "slug")
            found[f"content/{folder}/{name}.ja.md"] = document(
                word(mark, "id"), body, title=f"請求書の発行 {word(mark, 'title')}", **front
            )
            found[f"content/{folder}/images/{word(mark, 'picture')}.png"] = picture(100, 80, colour="navy")
            found[f"content/{folder}/files/{word(mark, 'file')}.pdf"] = PDF + mark.encode()
    for key in ("signed", "inner"):
        front = {"audience": FRONT[key]["audience"]} if "audience" in FRONT[key] else {}
        found |= tutorial(word(key, "t"), steps=("one",), **front)
        found[f"tutorials/{word(key, 't')}/steps/one.ja.md"] = f"![{word(key, 'step')}](./{word(key, 'shot')}.png)\n"
        found[f"tutorials/{word(key, 't')}/steps/{word(key, 'shot')}.png"] = picture(50, 40)
    return found


NOT_HERE = ("/me", "/", "/team", "/manuals/importing", "/manuals/conditions")
"""Where links lead that somebody else follows, or an installation that has Banso's own manual in its library."""
ELSEWHERE = ("/static/", "/sign", "/api", "/staff/calendar")
"""Where nothing of the library is: a calendar has a page for each year there is."""


@dataclass
class Walk:
    """One reader's walk: what they met, by address."""

    client: httpx.AsyncClient
    met: dict[str, httpx.Response] = field(default_factory=dict)

    async def from_places(self, places: tuple[str, ...]) -> None:
        ahead = list(places)
        while ahead:
            path = ahead.pop()
            if path in self.met:
                continue
            assert len(self.met) < MOST_PAGES
            answer = await self.client.get(path)
            self.met[path] = answer
            if "location" in answer.headers:
                ahead += self._ours(path, answer.headers["location"])
            if answer.headers.get("content-type", "").startswith(("text/", "application/xml", "application/atom")):
                for found in LINK.findall(answer.text):
                    ahead += self._ours(path, unescape("".join(found)))

    def _ours(self, base: str, target: str) -> list[str]:
        """`target` without the language and the fragment, where it is an address of ours that only looks."""
        url = urlsplit(urljoin(f"http://127.0.0.1:8000{base}", target))
        query = urlencode([(name, value) for name, value in parse_qsl(url.query) if name not in ("lang", "next")])
        ours = url.netloc == "127.0.0.1:8000" and not url.path.startswith(ELSEWHERE)
        return [url.path + (f"?{query}" if query else "")] if ours else []

    def words(self) -> set[str]:
        """Every word of a document that stood in an answer or an address."""
        seen = " ".join(f"{unquote(path)} {self._text(answer)}" for path, answer in self.met.items())
        return set(re.findall(r"zq[a-z]+qz", seen))

    def _text(self, answer: httpx.Response) -> str:
        kept = (unquote(value) for name, value in answer.headers.items() if name in ("location", "content-disposition"))
        told = answer.text if answer.headers.get("content-type", "").startswith(("text/", "application/")) else ""
        return f"{unquote(told)} {' '.join(kept)}"


@dataclass
class Portal:
    db: Database
    walks: dict[str, Walk]


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    write(tmp_path, files())
    await publish(db, tmp_path)
    await publish_tutorials(db, tmp_path)
    await related.work_out(db, now=NOW)

    def people(session: Session) -> dict[str, str | None]:
        for plan in ("pro", "starter"):
            make_plan(session, plan)
        inside, outside = make_account(session, plan="pro"), make_account(session, plan="starter")
        return {
            "stranger": None,
            "outsider": sign_in_as(session, make_member(session, outside)),
            "insider": sign_in_as(session, make_member(session, inside)),
            "staff": sign_in_as(session, make_staff(session)),
        }

    tokens = await db.write(people)
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), secret_key="x" * 40)
    site = replace(site_from(settings), clock=lambda: NOW)
    app = build(settings, site=site)
    async with AsyncExitStack() as stack:
        walks = {who: Walk(await stack.enter_async_context(browser(app, token))) for who, token in tokens.items()}
        for walk in walks.values():
            walk.client.base_url = httpx.URL("http://127.0.0.1:8000")
        yield Portal(db, walks)
    await site.database.close()


def words_for(who: str) -> set[str]:
    """Every word of what is for a reader."""
    parts = ("text", "alt", "title", "id", "slug", "file")
    shown = {word(f"{key}{kind}", part) for key in FRONT for kind in "mr" for part in parts if who in READERS[key]}
    steps = {word(key, part) for key in ("signed", "inner") for part in ("t", "step") if who in READERS[key]}
    return shown | steps


async def test_everybody_meets_what_is_for_them_and_nothing_else(portal: Portal) -> None:
    for who, walk in portal.walks.items():
        await walk.from_places(BEGINNINGS + (STAFF_BEGINNINGS if who == "staff" else ()))
        own = words_for(who)
        met = {one for one in walk.words() if not re.fullmatch(r"zq[a-z]+(picture|shot)qz", one)}
        assert met == own, who
        broken = [path for path, answer in walk.met.items() if answer.status_code >= 400 and path not in NOT_HERE]
        assert broken == [], who

    keys = {item.path or "": item for item in await portal.db.read(every)}
    addresses = {key: [item.main, item.small, f"/media/{item.key}"] for key, item in keys.items()}
    signed = f"/manuals/{word('signedm', 'id')}/{word('signedm', 'slug')}"
    opened = f"/manuals/{word('openm', 'id')}/{word('openm', 'slug')}"
    for who, walk in portal.walks.items():
        for key, readers in READERS.items():
            for kind, folder in (("m", "manuals"), ("r", "releases")):
                mark = f"{key}{kind}"
                place, slug = f"/manuals/{word(mark, 'id')}", word(mark, "slug")
                own_media = addresses[f"content/{folder}/images/{word(mark, 'picture')}.png"]
                own_media = own_media + addresses[f"content/{folder}/files/{word(mark, 'file')}.pdf"]
                for path in (place, f"{place}/{slug}", f"{place}/wrong", f"/feedback/{word(mark, 'id')}", *own_media):
                    status = (await walk.client.get(path)).status_code
                    hidden = (303, 404) if who == "stranger" and path.startswith("/manuals") else (404,)
                    assert (status in (200, 302, 303, 308)) if who in readers else (status in hidden), (
                        who,
                        path,
                        status,
                    )
                if who not in readers:
                    csrf = csrf_in(walk.met[opened])
                    said = {"csrf": csrf, "locale": "ja", "helpful": "yes", "revision": "1", "said": "1"}
                    for path in (f"/feedback/{word(mark, 'id')}", f"{place}/read"):
                        assert (await walk.client.post(path, data=said)).status_code == 404, (who, path)
        if who != "stranger":
            related = re.findall(r'<nav class="related".*?</nav>', walk.met[signed].text, re.DOTALL)
            assert len(related) == 1, who
            assert related[0].count("<li>") == 3, "what a reader may not see takes no place"
        # Signing in to the portal opens nothing of the machine door.
        for path in ("/api/v1/accounts", "/api/v1/events"):
            assert (await walk.client.get(path)).status_code == 401
