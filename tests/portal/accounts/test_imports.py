from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from portal.accounts import changes
from portal.accounts.changes import AccountChange
from portal.accounts.import_rows import import_rows
from portal.accounts.imports import ImportResult, Kind, read_import
from portal.accounts.listing import Filters, list_accounts
from portal.accounts.models import Account, Member, Plan
from portal.accounts.people import member_by_email, member_of, members_of
from portal.accounts.service import account_by_external_id, id_of
from portal.kit.db import Database
from tests.factories import NOW, make_account, make_member

TOKYO = ZoneInfo("Asia/Tokyo")
LATER = NOW + timedelta(days=1)


async def load(
    db: Database, kind: Kind, text: str, *, encoding: str = "utf-8", dry_run: bool = False, now: datetime = NOW
) -> ImportResult:
    read = read_import(kind, text.encode(encoding), file="f.csv", zone=TOKYO)
    if dry_run:
        return await db.read(lambda session: import_rows(session, read, now=now, dry_run=True))
    return await db.write(lambda session: import_rows(session, read, now=now, dry_run=False))


def said(result: ImportResult) -> list[str]:
    return [problem.into("en") for problem in result.problems]


def counts(result: ImportResult) -> tuple[int, int, int]:
    return result.created, result.updated, result.unchanged


async def account(db: Database, external_id: str) -> Account:
    found = await db.read(lambda session: account_by_external_id(session, external_id))
    assert found is not None
    return found


async def how_many(db: Database) -> int:
    return (await db.read(lambda session: list_accounts(session, filters=Filters(), now=NOW))).total


@pytest.fixture
def heard() -> Iterator[list[int]]:
    told: list[int] = []

    def listen(_session: Session, change: AccountChange, _now: datetime) -> None:
        told.append(len(change.account_ids))

    leave = changes.subscribe(listen)
    yield told
    leave()


EVERYTHING = """\
external_id,name,name_kana,plan,seats,tier,owner,created_at,started_at,renews_at,notice_by,mrr,currency,left_at,goal
a1,株式会社髙島①,カブシキガイシャ,pro,"1,200",high,佐藤,2026/4/1,2026-04-02,2027/3/31,2027-02-28,"50,000",jpy,,"1行目
2行目"
a2,二番,,,,,,,,,,,,2026-05-31,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
async def test_every_column_of_a_customer(db: Database, encoding: str) -> None:
    assert counts(await load(db, "accounts", EVERYTHING, encoding=encoding)) == (2, 0, 0)
    one, two = await account(db, "a1"), await account(db, "a2")
    assert (one.name, one.name_kana, one.plan_key, one.seats) == ("株式会社髙島①", "カブシキガイシャ", "pro", 1200)
    assert (one.tier, one.owner, one.mrr, one.currency) == ("high", "佐藤", Decimal(50000), "JPY")
    assert one.created_at == datetime(2026, 3, 31, 15, tzinfo=UTC)
    assert one.started_at == datetime(2026, 4, 1, 15, tzinfo=UTC)
    assert (str(one.renews_at), str(one.notice_by)) == ("2027-03-31", "2027-02-28")
    assert one.goal == "1行目\n2行目"
    assert (two.created_at, two.started_at, two.is_stub) == (NOW, NOW, False)
    assert two.left_at == datetime(2026, 5, 30, 15, tzinfo=UTC)
    assert await db.read(lambda session: session.get(Plan, "pro")) is not None


async def test_doing_it_twice_changes_nothing_and_an_empty_cell_leaves_what_is_known(db: Database) -> None:
    await load(db, "accounts", EVERYTHING)
    assert counts(await load(db, "accounts", EVERYTHING, now=LATER)) == (0, 0, 2)
    result = await load(db, "accounts", "external_id,name,seats,plan\na1,,7,\na2,二番,,free\na3,三番,1,\n", now=LATER)
    assert counts(result) == (1, 2, 0)
    one, two = await account(db, "a1"), await account(db, "a2")
    assert (one.name, one.seats, one.plan_key, one.tier) == ("株式会社髙島①", 7, "pro", "high")
    assert (two.plan_key, two.created_at) == ("free", NOW)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",B", "column “external_id”: this is empty"),
        ("a9,", "column “name”: this is empty"),
        ("a1,B", "column “external_id”: the same external_id is in line 2 already"),
        ("a9,B,many", "column “seats”: “many” is not a whole number"),
        ("a9,B,,2026-02-30", "column “started_at”: “2026-02-30” is not a date; write it like 2026-04-01 or 2026/4/1"),
        ("a9,B,,2026-04-01,2026-03-01", "column “left_at”: this is before started_at"),
        ("a9,B,,,,,too many", "this row has 7 cells, the header has 6 columns"),
    ],
)
async def test_one_bad_row_of_many_changes_nothing(db: Database, heard: list[int], row: str, problem: str) -> None:
    cells = row.split(",")
    padded = ",".join([*cells, *[""] * (6 - len(cells))])
    good = "".join(f"g{number},Good,,,,\n" for number in range(50))
    text = f"external_id,name,seats,started_at,left_at,plan\na1,A,,,,new\n{padded}\n{good}"
    result = await load(db, "accounts", text)
    assert said(result) == [f"f.csv:3: {problem}"]
    assert await how_many(db) == 0
    assert heard == []
    assert await db.read(lambda session: session.get(Plan, "new")) is None


async def test_every_bad_row_is_named_at_once_by_its_line_in_the_file(db: Database) -> None:
    text = 'external_id,name,seats,mrr\na1,"two\nlines",1,\na2,B,x,y\na3,,,\n\na4,D,-1,\n'
    result = await load(db, "accounts", text)
    assert said(result) == [
        "f.csv:2: column “name”: this contains a line break or a control character",
        "f.csv:4: column “seats”: “x” is not a whole number",
        "f.csv:4: column “mrr”: “y” is not an amount; write digits alone, like 50000",
        "f.csv:5: column “name”: this is empty",
        "f.csv:7: column “seats”: this must lie between 0 and 2,000,000,000",
    ]


async def test_a_dry_run_says_what_would_happen_and_does_nothing(db: Database, heard: list[int]) -> None:
    await db.write(lambda session: make_account(session, external_id="a1", name="A"))
    heard.clear()
    result = await load(db, "accounts", "external_id,name\na1,B\na2,C\n", dry_run=True)
    assert counts(result) == (1, 1, 0)
    assert (await account(db, "a1")).name == "A"
    assert await how_many(db) == 1
    assert heard == []


async def test_listeners_hear_once_of_all_that_changed(db: Database, heard: list[int]) -> None:
    await load(db, "accounts", "external_id,name\na1,A\na2,B\na3,C\n")
    await load(db, "accounts", "external_id,name\na1,A\na2,X\na3,C\n")
    await load(db, "members", "external_id,account,email\nu1,a1,u1@b.jp\nu2,a1,u2@b.jp\nu3,a2,u3@b.jp\n")
    assert heard == [3, 1, 2]


# --- people -----------------------------------------------------------------------------------------------------------


PEOPLE = """external_id,account,email,name,name_kana,role,department,locale,joined_at,left_at
u1,a1,Tanaka@Example.com,田中 太郎,タナカ,Admin,経理部,ja,2026/5/1,
u2,a1,suzuki@example.com,鈴木,,経理,,en-GB,,2026-06-30
u1,a2,tanaka@example.com,,,,,,,
"""


async def customers(db: Database) -> None:
    def work(session: Session) -> None:
        for external_id in ("a1", "a2"):
            make_account(session, external_id=external_id)

    await db.write(work)


async def person(db: Database, of: str, external_id: str) -> Member:
    def work(session: Session) -> Member | None:
        found = account_by_external_id(session, of)
        return member_of(session, id_of(found), external_id) if found else None

    found = await db.read(work)
    assert found is not None
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
async def test_every_column_of_a_person(db: Database, encoding: str) -> None:
    await customers(db)
    assert counts(await load(db, "members", PEOPLE, encoding=encoding)) == (3, 0, 0)
    one, two, elsewhere = await person(db, "a1", "u1"), await person(db, "a1", "u2"), await person(db, "a2", "u1")
    assert (one.email, one.email_key, one.name) == ("Tanaka@Example.com", "tanaka@example.com", "田中 太郎")
    assert (one.name_kana, one.role, one.department, one.locale) == ("タナカ", "admin", "経理部", "ja")
    assert (one.joined_at, one.left_at) == (datetime(2026, 4, 30, 15, tzinfo=UTC), None)
    assert (two.role, two.locale, two.joined_at) == ("経理", "en-GB", NOW)
    assert two.left_at == datetime(2026, 6, 29, 15, tzinfo=UTC)
    assert (elsewhere.role, elsewhere.name) == ("member", "")
    assert counts(await load(db, "members", PEOPLE, now=LATER)) == (0, 0, 3)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("u9,nowhere,a@b.jp", "column “account”: there is no customer “nowhere”; import accounts first"),
        ("u9,,a@b.jp", "column “account”: this is empty"),
        ("u9,a1,nobody", "column “email”: “nobody” is not a mail address"),
        ("u9,a1,", "column “email”: this is empty"),
        (",a1,", "column “external_id”: this and “email” are both empty"),
        ("u1,a1,x@b.jp", "column “external_id”: the same external_id is in line 2 already"),
        ("u9,a1,FIRST@b.jp", "column “email”: the same address is in line 2 already"),
        (",a1,first@b.jp", "column “email”: the same address is in line 2 already"),
        (
            "u9,a1,there@b.jp",
            "column “email”: The address there@b.jp already belongs to another member of this customer.",
        ),
    ],
)
async def test_one_bad_person_of_many_changes_nothing(db: Database, row: str, problem: str) -> None:
    await customers(db)

    def before(session: Session) -> None:
        there = account_by_external_id(session, "a1")
        assert there is not None
        make_member(session, there, external_id="there", email="there@b.jp")

    await db.write(before)
    result = await load(db, "members", f"external_id,account,email\nu1,a1,first@b.jp\n{row}\n")
    assert said(result) == [f"f.csv:3: {problem}"]
    assert await db.read(lambda session: len(members_of(session, 1))) == 1


async def test_someone_known_by_address_gets_the_products_id(db: Database) -> None:
    await customers(db)
    await load(db, "members", "external_id,account,email,name\n,a1,tanaka@b.jp,田中\n")
    result = await load(db, "members", "external_id,account,email,role\nu1,a1,Tanaka@b.jp,admin\n")
    assert counts(result) == (0, 1, 0)
    found = await person(db, "a1", "u1")
    assert (found.name, found.role) == ("田中", "admin")


async def test_addresses_may_move_on_within_one_file(db: Database) -> None:
    await customers(db)
    await load(db, "members", "external_id,account,email\nu1,a1,one@b.jp\nu2,a1,two@b.jp\n")
    moved = "external_id,account,email,name\nu1,a1,new@b.jp,\nu2,a1,one@b.jp,Second\n"
    assert counts(await load(db, "members", moved)) == (0, 2, 0)

    def owner(session: Session) -> str | None:
        found = member_by_email(session, 1, "one@b.jp")
        return found.external_id if found else None

    assert await db.read(owner) == "u2"


async def test_progress_is_told_to_the_end() -> None:
    text = "external_id,name\n" + "".join(f"a{number},A\n" for number in range(1100))
    told: list[tuple[int, int]] = []
    read_import("accounts", text.encode(), file="f.csv", zone=TOKYO, progress=lambda *at: told.append(at))
    assert told == [(500, 1100), (1000, 1100), (1100, 1100)]


async def test_ten_thousand_rows_take_seconds(db: Database) -> None:
    accounts = "external_id,name,plan,seats\n" + "".join(f"a{n},顧客{n},pro,{n}\n" for n in range(10_000))
    people = "external_id,account,email\n" + "".join(f"u{n},a{n},u{n}@b.jp\n" for n in range(10_000))
    began = time.monotonic()
    assert counts(await load(db, "accounts", accounts)) == (10_000, 0, 0)
    assert counts(await load(db, "members", people)) == (10_000, 0, 0)
    assert counts(await load(db, "accounts", accounts.replace(",pro,", ",free,"))) == (0, 10_000, 0)
    assert time.monotonic() - began < 30
