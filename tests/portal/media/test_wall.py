"""The wall for files, pictures of published folders, and replacing: through real pages, on both databases."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from portal import publishing
from portal.content import pages as content_pages
from portal.kit.db import Database
from portal.kit.files import FileProblems
from portal.media import pages, service, staff_pages
from portal.media.models import MediaBlob, MediaPiece
from portal.tutorials import pages as tutorial_pages
from tests.factories import NOW, make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import (
    MOST,
    TOKYO,
    Clock,
    browser,
    csrf_in,
    document,
    portal_with,
    publish,
    publish_tutorials,
    tutorial,
    write,
)
from tests.pictures import MP4, PDF, moving, opened, picture

SOON = NOW + timedelta(days=2)
EVERYONE = {"stranger", "member", "pro member", "staff"}
SEEN = {"open": EVERYONE, "members": EVERYONE - {"stranger"}, "pro": {"pro member", "staff"}, "soon": {"staff"}}
FRONT: dict[str, dict[str, object]] = {
    "open": {"public": "true"},
    "members": {},
    "pro": {"audience": "{plan: pro}"},
    "soon": {"publish_at": SOON},
}
SHARED = "![どこにも](images/shared.png)\n"


def files() -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {"content/manuals/images/shared.png": picture(colour="white")}
    for number, (key, front) in enumerate(FRONT.items()):
        body = f"![{key}の画面](images/{key}.png)\n\n[料金](./files/{key}-料金表.pdf)\n\n![動画](./{key}.mp4)\n"
        body += SHARED if key in ("pro", "soon") else ""
        found[f"content/manuals/{key}.ja.md"] = document(key, body, **front)
        found[f"content/manuals/images/{key}.png"] = picture(500 + number, 300)
        found[f"content/manuals/files/{key}-料金表.pdf"] = PDF + key.encode()
        found[f"content/manuals/{key}.mp4"] = MP4 + key.encode()
    return found


@dataclass
class Portal:
    db: Database
    clock: Clock
    root: Path
    open_: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def get(self, who: str, path: str, **headers: str) -> httpx.Response:
        return await self.open_[who].get(path, headers=headers)

    async def shown_by(self, key: str) -> dict[str, str]:
        """The addresses of what a document shows, by tag."""
        text = (await self.get("staff", f"/manuals/{key}/{key}")).text
        return dict(re.findall(r'<(img|video|a) (?:src|href)="(/media/[^"]+)"', text)[::-1])  # the first of each

    async def change(self, path: str, content: str | bytes) -> None:
        write(self.root, {path: content})
        await publish(self.db, self.root)


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    await publish(db, write(tmp_path, files()))

    def people(session: Session) -> dict[str, str | None]:
        for plan in ("pro", "starter"):
            make_plan(session, plan)
        on_pro, on_starter = make_account(session, plan="pro"), make_account(session, plan="starter")
        return {
            "stranger": None,
            "member": sign_in_as(session, make_member(session, on_starter)),
            "pro member": sign_in_as(session, make_member(session, on_pro)),
            "staff": sign_in_as(session, make_staff(session)),
        }

    clock = Clock()
    tokens = await db.write(people)
    app = portal_with(db, clock, pages.router, staff_pages.router, content_pages.router, tutorial_pages.router)
    async with AsyncExitStack() as stack:
        found = Portal(db, clock, tmp_path)
        for who, token in tokens.items():
            found.open_[who] = await stack.enter_async_context(browser(app, token))
        yield found


async def test_a_file_is_for_those_whom_a_text_that_shows_it_is_for(portal: Portal) -> None:
    for key, readers in SEEN.items():
        shown = await portal.shown_by(key)
        assert set(shown) == {"img", "a", "video"}
        for path in shown.values():
            for address in (path, f"/media/{path.split('/')[2]}"):
                for who in EVERYONE:
                    answer = await portal.get(who, address)
                    assert (answer.status_code in (200, 302)) == (who in readers), (who, address)
                    assert answer.status_code in (200, 302, 404)
    portal.clock.now = SOON
    assert (await portal.get("member", (await portal.shown_by("soon"))["img"])).status_code == 200


async def test_what_two_texts_show_is_for_the_readers_of_either(portal: Portal) -> None:
    text = (await portal.get("staff", "/manuals/pro/pro")).text
    shared = re.findall(r'<img src="(/media/shared[^"]+)"', text)[0]
    seen = {who for who in EVERYONE if (await portal.get(who, shared)).status_code == 200}
    assert seen == SEEN["pro"]
    await portal.change("content/manuals/open.ja.md", document("open", SHARED, public="true"))
    assert (await portal.get("stranger", shared)).status_code == 200
    await portal.change("content/manuals/open.ja.md", document("open", "なし\n", public="true"))
    assert (await portal.get("stranger", shared)).status_code == 404


async def test_a_picture_comes_in_sizes_that_a_browser_keeps(portal: Portal) -> None:
    text = (await portal.get("stranger", "/manuals/open/open")).text
    image = re.findall(r"<img [^>]+>", text)[0]
    assert 'alt="openの画面"' in image
    assert 'width="500" height="300"' in image
    assert 'loading="lazy" decoding="async"' in image
    sizes = re.findall(r"(/media/[^ \"]+) (\d+)w", image)
    assert [width for _, width in sizes] == ["480", "500"]
    for path, width in sizes:
        answer = await portal.get("stranger", path)
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert opened(answer.content).size[0] == int(width)
        again = await portal.get("stranger", path, **{"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await portal.open_["stranger"].head(path)
        assert (head.content, head.headers["content-length"]) == (b"", str(len(answer.content)))


async def test_a_file_is_saved_under_its_own_name(portal: Portal) -> None:
    path = (await portal.shown_by("open"))["a"]
    answer = await portal.get("stranger", path)
    assert answer.content == PDF + b"open"
    assert answer.headers["content-type"] == "application/pdf"
    said = answer.headers["content-disposition"]
    assert said.startswith('attachment; filename="open-___.pdf"; filename*=UTF-8')
    assert unquote(said.rpartition("''")[2]) == "open-料金表.pdf"
    assert "(PDF · 1 KB)" in (await portal.get("stranger", "/manuals/open/open")).text


async def test_a_film_is_played_from_anywhere(portal: Portal) -> None:
    path = (await portal.shown_by("members"))["video"]
    film = MP4 + b"members"
    assert len(film) > 3 * 256 * 1024 - 20_000
    for said, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=262140-262150", 262_140, 262_150),
        ("bytes=-4", len(film) - 4, None),
    ):
        answer = await portal.get("member", path, range=said)
        assert answer.status_code == 206
        assert answer.content == film[first : None if last is None else last + 1]
        assert answer.headers["content-range"].endswith(f"/{len(film)}")
    assert (await portal.get("member", path)).content == film
    assert (await portal.get("member", path, range=f"bytes={len(film)}-")).status_code == 416
    assert (await portal.get("member", path, **{"range": "bytes=0-1", "if-range": '"other"'})).content == film


async def test_a_changed_file_changes_everywhere_with_one_publication(portal: Portal) -> None:
    before = (await portal.shown_by("members"))["img"]
    await portal.change("content/manuals/images/members.png", picture(700, 300, colour="red"))
    after = (await portal.shown_by("members"))["img"]
    assert after != before
    assert (await portal.get("member", after)).status_code == 200
    assert opened((await portal.get("member", after)).content).size == (700, 300)
    led = await portal.get("member", before)
    assert (led.status_code, led.headers["location"], led.headers["cache-control"]) == (302, after, "private, no-store")
    assert (await publish(portal.db, portal.root)).changed == []


async def test_a_picture_nobody_names_is_put_away_and_comes_back(portal: Portal) -> None:
    path = (await portal.shown_by("open"))["img"]
    text = (portal.root / "content/manuals/open.ja.md").read_text()
    await portal.change("content/manuals/open.ja.md", document("open", public="true"))
    assert (await portal.get("stranger", path)).status_code == 404
    await portal.change("content/manuals/open.ja.md", text)
    assert (await portal.get("stranger", path)).status_code == 200


async def test_what_cannot_be_shown_is_a_line_for_its_author(portal: Portal) -> None:
    write(portal.root, {"outside.png": picture(), "content/manuals/images/evil.svg": "<svg onload='x'/>"})
    (portal.root / "content/manuals/images/link.png").symlink_to(portal.root / "outside.png")
    wrong = "![a](images/no.png)\n\n![b](../../outside.png)\n\n![c](images/link.png)\n\n![d](images/evil.svg)\n"
    write(portal.root, {"content/manuals/open.ja.md": document("open", wrong, public="true")})
    summary = await publish(portal.db, portal.root)
    said = [(one.line, str(one.message)) for one in summary.warnings]
    assert [line for line, _ in said] == [7, 9, 11, 13]
    assert "there is no picture" in said[0][1]
    assert "there is no picture" in said[1][1]
    assert "outside content/" in said[2][1]
    assert "SVG" in said[3][1]
    text = (await portal.get("stranger", "/manuals/open/open")).text
    assert "<img" not in text
    assert "<p>d</p>" in text


async def test_a_tutorial_shows_pictures_to_its_own_readers(portal: Portal) -> None:
    made = tutorial("learn", audience="{plan: pro}")
    made["tutorials/learn/steps/one.ja.md"] = "![手順](./one.png)\n"
    write(portal.root, {**made, "tutorials/learn/steps/one.png": moving(60, 40)})
    await publish_tutorials(portal.db, portal.root)
    text = (await portal.get("pro member", "/tutorials/learn/one")).text
    path = re.findall(r'<img src="(/media/[^"]+)"', text)[0]
    assert '<source media="(prefers-reduced-motion: reduce)"' in text
    for who in EVERYONE:
        assert (await portal.get(who, path)).status_code == (200 if who in SEEN["pro"] else 404)


async def upload(portal: Portal, data: bytes, name: str = "画面.png", **fields: str) -> httpx.Response:
    staff = portal.open_["staff"]
    csrf = csrf_in(await staff.get("/staff/media"))
    return await staff.post(
        "/staff/media",
        data=fields,
        files={"file": (name, data)},
        headers={"accept": "application/json", "x-csrf-token": csrf},
    )


async def test_what_staff_replace_is_replaced_in_every_text_at_once(portal: Portal) -> None:
    item = (await upload(portal, picture(500, 400), alt="設定の画面")).json()["items"][0]
    assert item["markdown"] == f"![設定の画面](media:{item['key']})"
    other = (await upload(portal, picture(50, 40))).json()["items"][0]
    assert other["markdown"] == f"![](media:{other['key']})"
    body = f"{item['markdown']}\n\n[手本](manuals/members)\n"
    await portal.change("content/manuals/open.ja.md", document("open", body, public="true"))
    before = (await portal.shown_by("open"))["img"]
    assert (await portal.get("stranger", before)).status_code == 200

    staff = portal.open_["staff"]
    page = f"/staff/media/{item['key']}"
    csrf = csrf_in(await staff.get(page))
    sent = await staff.post(
        f"{page}/replace", data={"csrf": csrf}, files={"file": ("new.jpg", picture(640, 200, kind="JPEG"))}
    )
    assert sent.status_code == 303
    text = (await portal.get("stranger", "/manuals/open/open")).text
    assert 'width="640" height="200"' in text
    assert '<a href="/manuals/members">手本</a>' in text
    after = (await portal.shown_by("open"))["img"]
    assert (await portal.get("stranger", before)).headers["location"] == after
    assert (await publish(portal.db, portal.root)).changed == []

    assert (await staff.post(f"{page}/put-back/1", data={"csrf": csrf})).status_code == 303
    assert (await portal.shown_by("open"))["img"] == before
    wrong = await staff.post(f"{page}/replace", data={"csrf": csrf}, files={"file": ("a.pdf", PDF)})
    assert wrong.status_code == 409
    assert (await staff.post(f"{page}/remove", data={"csrf": csrf})).status_code == 409
    assert (await staff.post(f"{page}/describe", data={"csrf": csrf, "alt": "別の説明"})).status_code == 303
    await portal.change("content/manuals/open.ja.md", document("open", f"![](media:{item['key']})", public="true"))
    assert 'alt="別の説明"' in (await portal.get("stranger", "/manuals/open/open")).text


async def test_what_was_never_shown_is_for_staff_and_can_be_removed_and_brought_back(portal: Portal) -> None:
    item = (await upload(portal, PDF, "見積.pdf")).json()["items"][0]
    assert item["markdown"] == f"[見積](media:{item['key']})"
    assert (await portal.get("pro member", item["url"])).status_code == 404
    assert (await portal.get("staff", item["url"])).status_code == 200
    staff = portal.open_["staff"]
    csrf = csrf_in(await staff.get(item["page"]))
    assert (await staff.post(f"{item['page']}/remove", data={"csrf": csrf})).status_code == 303
    assert item["key"] not in (await staff.get("/staff/media")).text
    assert item["key"] in (await staff.get("/staff/media?show=removed")).text
    assert (await staff.post(f"{item['page']}/bring-back", data={"csrf": csrf})).status_code == 303
    picked = (await staff.get("/staff/media/pick?q=見積&kind=file")).json()
    assert [one["key"] for one in picked["items"]] == [item["key"]]
    assert (await staff.get("/staff/media/pick?q=100%25")).json()["items"] == []


async def test_upkeep_forgets_what_was_removed_and_nothing_else(portal: Portal) -> None:
    item = (await upload(portal, PDF + b"once", "x.pdf")).json()["items"][0]
    await portal.db.write(lambda session: service.remove(session, item["key"], now=portal.clock.now))

    def counts(session: Session) -> list[int]:
        tables = (MediaBlob, MediaPiece)
        return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

    before = await portal.db.read(counts)
    await portal.db.write(lambda session: service.forget(session, now=NOW + service.KEPT - timedelta(days=1)))
    assert await portal.db.read(counts) == before
    await portal.db.write(lambda session: service.forget(session, now=NOW + service.KEPT + timedelta(days=1)))
    assert await portal.db.read(counts) == [before[0] - 1, before[1] - 1]
    assert (await portal.get("stranger", (await portal.shown_by("open"))["img"])).status_code == 200


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png", "SVG"),
        (b"MZ" + b"\0" * 50, "請求書.pdf", "この種類"),
        (PDF + b"\0" * 5_000_000, "a.pdf", "大きすぎ"),
        (picture()[:70], "a.png", "壊れて"),
        (b"", "a.png", "空"),
    ],
)
async def test_what_is_not_taken_is_said_in_the_readers_language(
    portal: Portal, engine_name: str, data: bytes, name: str, said: str
) -> None:
    answer = await upload(portal, data, name)
    assert answer.status_code == 422
    assert said in answer.json()["problems"][0]["message"]
    assert answer.json()["items"] == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_only_staff_send_files(portal: Portal, engine_name: str) -> None:
    for who, status in (("stranger", 404), ("member", 404)):
        answer = await portal.open_[who].post("/staff/media", files={"file": ("a.png", picture())})
        assert answer.status_code == status
    assert (await portal.open_["staff"].post("/staff/media", files={"file": ("a.png", picture())})).status_code == 403


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_without_scripts_several_files_in_one_form(portal: Portal, engine_name: str) -> None:
    staff = portal.open_["staff"]
    csrf = csrf_in(await staff.get("/staff/media"))
    sent = [("file", (name, data)) for name, data in (("a.png", picture()), ("b.exe", b"MZ\0"), ("c.csv", b"a,b\n"))]
    answer = await staff.post("/staff/media", data={"csrf": csrf}, files=sent)
    assert answer.status_code == 422
    assert "b.exe" in answer.text
    assert all(name in answer.text for name in ("a.png", "c.csv"))


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_is_wrong_with_files_is_said_before_anything_is_published(portal: Portal, engine_name: str) -> None:
    wrong = {
        "images/cut.png": picture()[:40],
        "files/large.pdf": PDF + b"\0" * MOST,
        "films/old.mp4": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    }
    write(portal.root, {f"content/manuals/{name}": data for name, data in wrong.items()})
    write(portal.root, {"content/manuals/images/source.svg": "<svg/>", "content/manuals/.hidden.png": b"x"})
    with pytest.raises(FileProblems) as found:
        publishing.read(portal.root, zone=TOKYO, most=MOST)
    said = {(one.file.rpartition("/")[2], one.line) for one in found.value.problems}
    assert said == {("cut.png", 1), ("large.pdf", 1), ("old.mp4", 1)}
