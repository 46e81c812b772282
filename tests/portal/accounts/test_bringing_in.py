"""Files brought in through the browser: columns understood, mistakes by line, a look before anything happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, inspect, select
from sqlmodel import Session, col

from portal.accounts import bringing_in
from portal.accounts.models import Account, Member
from portal.accounts.own_fields import keep_field
from portal.accounts.records import CustomerImport
from portal.accounts.service import account_by_external_id
from portal.insights import import_pages, import_work, pages
from portal.kit.db import Database
from portal.kit.jobs import Claim
from tests.factories import make_account, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with
from tests.onboarding import World, checklist, listening, open_world, step

pytestmark = pytest.mark.anyio
HEAD = "顧客コード,会社名,契約プラン,業種,備考\n"


@dataclass
class Desk:
    db: Database
    app: FastAPI
    client: httpx.AsyncClient
    world: World

    async def send(self, text: str | bytes, *, kind: str = "accounts", name: str = "顧客.csv") -> httpx.Response:
        token = csrf_in(await self.client.get("/staff/import"))
        data = text if isinstance(text, bytes) else text.encode("cp932")
        return await self.client.post(
            "/staff/import", data={"csrf": token, "kind": kind}, files={"file": (name, data, "text/csv")}
        )

    async def post(self, path: str, **fields: str) -> httpx.Response:
        page = path.rsplit("/", 1)[0]
        token = csrf_in(await self.client.get(page))
        return await self.client.post(path, data={"csrf": token, **fields})

    async def work(self, path: str) -> str:
        """Do the job of an import; the page as it is then."""
        job = Claim(1, bringing_in.JOB, {"id": int(path.rsplit("/", 1)[1])}, 1)
        await import_work.run(self.app.state.site, job)
        return (await self.client.get(path)).text

    async def looked_at(self, text: str | bytes, *, kind: str = "accounts") -> tuple[str, str]:
        """Send a file and take its columns as they were guessed."""
        path = (await self.send(text, kind=kind)).headers["location"]
        row = await self.db.read(lambda session: bringing_in.import_of(session, int(path.rsplit("/", 1)[1])))
        columns = {f"column-{place}": name for place, name in enumerate(row.columns)}
        await self.post(f"{path}/columns", **columns)
        return path, await self.work(path)

    async def count(self, table: type[Account | Member]) -> int:
        return await self.db.read(lambda session: session.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    with listening():
        world = await open_world(db)
        app = portal_with(db, Clock(world.now), pages.router, import_pages.router)
        token = await db.write(lambda s: sign_in_as(s, make_staff(s), now=world.now))
        async with browser(app, token) as client:
            yield Desk(db, app, client, world)


async def test_a_file_from_excel_goes_in_as_it_is(desk: Desk) -> None:
    """CP932, Japanese headings, a field of the vendor's own; existing customers are not overdue, as the look says."""
    await desk.world.publish(checklist(step("one"), due="1mo"))
    await desk.db.write(
        lambda s: keep_field(
            s, key="industry", label={"ja": "業種"}, kind="text", choices=(), is_filter=True, is_new=True
        )
    )
    text = "顧客コード,会社名,契約プラン,業種,備考,利用開始日\nc-1,㈱青空商店,starter,小売,x,2024/4/1\n"
    text += "c-2,みどり物産,pro,,y,2026/6/1\n"
    path, looked = await desk.looked_at(text)
    assert await desk.count(Account) == 0
    assert "<strong>2</strong>" in looked
    assert "1社はそれより前に始めています" in looked
    assert "期限を過ぎる顧客はいません" in looked
    await desk.post(f"{path}/run")
    assert "refresh" in (await desk.client.get(path)).headers
    assert "取り込みました" in await desk.work(path)

    def found(session: Session) -> tuple[str, object, bytes]:
        account = account_by_external_id(session, "c-1")
        assert account is not None
        return account.name, account.traits, session.execute(select(CustomerImport)).scalars().one().data

    assert await desk.db.read(found) == ("㈱青空商店", {"industry": "小売"}, b"")
    assert [name for name, _ in await desk.world.enrollments()] == ["c-2"]
    again = (await desk.send(HEAD + "c-3,x,y,z,w\n")).headers["location"]
    row = await desk.db.read(lambda session: bringing_in.import_of(session, int(again.rsplit("/", 1)[1])))
    assert row.columns == ["external_id", "name", "plan", "traits.industry", ""]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("accounts", "顧客コード,会社名\nc-1,=HYPERLINK(1)\n", ("列「会社名」", "数式")),
        (
            "accounts",
            "顧客コード,会社名,更新日\n" + "".join(f"c-{n},社,2026/4/1\n" for n in range(1499)) + "c-x,社,2026/2/30\n",
            (">1,501<", "列「更新日」", "2026/2/30"),
        ),
        (
            "members",
            "顧客コード,ユーザーID,メールアドレス\naoba,u1,a@x.example\naoba,u2,A@X.example\n",
            (">3<", "列「メールアドレス」", "2行目"),
        ),
        ("members", "顧客コード,メールアドレス\nnone,a@x.example\n", (">2<", "列「顧客コード」", "none")),
        ("accounts", "顧客コード,プラン\nnew,pro\n", (">2<", "空です")),
    ],
)
async def test_mistakes_are_said_by_line_and_column_and_nothing_is_imported(
    desk: Desk, kind: str, text: str, said: tuple[str, ...]
) -> None:
    await desk.db.write(lambda s: make_account(s, external_id="aoba"))
    _, page = await desk.looked_at(text, kind=kind)
    for one in said:
        assert one in page
    assert (await desk.count(Account), await desk.count(Member)) == (1, 0)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_columns_that_cannot_be(desk: Desk) -> None:
    path = (await desk.send(HEAD + "c-1,A,pro,x,y\n")).headers["location"]
    twice = await desk.post(f"{path}/columns", **{"column-0": "external_id", "column-1": "name", "column-2": "name"})
    assert (twice.status_code, "2つの列" in twice.text) == (422, True)
    none = await desk.post(f"{path}/columns", **{"column-1": "name"})
    assert none.status_code == 422
    gone = await desk.post(f"{path}/discard")
    assert gone.headers["location"] == "/staff/import"
    assert (await desk.client.get(path)).status_code == 404
    table = await desk.send(b"\xff\xfe1")
    assert (table.status_code, "UTF-16" in table.text) == (422, True)


async def test_an_import_that_two_workers_have_in_hand_is_done_once_and_stays_on_record(desk: Desk) -> None:
    path, looked = await desk.looked_at(
        "顧客コード,会社名,担当\nc-1,青空商店,佐藤 1\nc-2,白雲商店,佐藤 一\nc-3,夕空商店,佐藤 一\n"
    )
    assert "<strong>佐藤 一</strong> (2)</p>" in looked  # nobody is called so, and the file is taken as it is
    await desk.post(f"{path}/run")
    await asyncio.gather(desk.work(path), desk.work(path))

    def found(session: Session) -> tuple[str, int, set[str]]:
        (row,) = bringing_in.recent(session)
        return row.state, row.result["created"], inspect(row).unloaded

    # A list of imports reads none of their files, which may be large.
    assert await desk.db.read(found) == ("done", 3, {"data"})
    assert (await desk.post(f"{path}/discard")).status_code == 409


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_only_those_who_keep_customers(desk: Desk) -> None:
    for role in ("viewer", "editor"):
        token = await desk.db.write(lambda s, role=role: sign_in_as(s, make_staff(s, role=role), now=desk.world.now))  # type: ignore[misc]
        async with browser(desk.app, token) as client:
            assert (await client.get("/staff/import")).status_code == 403
            assert (await client.post("/staff/import", files={"file": ("a.csv", b"x")})).status_code == 403
    rows = await desk.db.read(lambda session: session.execute(select(col(CustomerImport.id))).all())
    assert rows == []
