from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from portal.accounts import changes, own_fields
from portal.accounts.changes import AccountChange
from portal.accounts.errors import AddressTaken, Nameless, NameTaken
from portal.accounts.keys import add_api_key, find_api_key, is_use_due, note_use, revoke_api_key
from portal.accounts.listing import NONE, Filters, Sort, facets, ids_of, list_accounts
from portal.accounts.models import Account, Plan
from portal.accounts.people import (
    mark_member_left,
    mark_member_returned,
    member_of,
    members_of,
    memberships_by_external_id,
    stub_member,
    upsert_member,
)
from portal.accounts.personal import erase_member
from portal.accounts.plans import list_plans, put_plan
from portal.accounts.service import (
    account_by_external_id,
    accounts_after,
    erase_account,
    id_of,
    mark_left,
    mark_returned,
    stub_account,
    upsert_account,
)
from portal.accounts.staff import add_staff, list_staff, remove_staff
from portal.kit.db import Database
from portal.kit.errors import Invalid
from tests.factories import NOW, make_account, make_member, make_plan

LATER = NOW + timedelta(days=1)
Heard = list[frozenset[int]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What listeners were told, in order."""
    told: Heard = []

    def listen(_session: Session, change: AccountChange, _now: datetime) -> None:
        told.append(change.account_ids)

    leave = changes.subscribe(listen)
    yield told
    leave()


async def test_a_customer_is_made_known_piece_by_piece(db: Database) -> None:
    await db.write(lambda s: stub_account(s, "a1", now=NOW))
    await db.write(lambda s: upsert_account(s, external_id="a1", changes={"name": "株式会社伴走"}, now=LATER))
    await db.write(lambda s: upsert_account(s, external_id="a1", changes={"plan": "pro", "seats": 5}, now=LATER))

    def look(session: Session) -> tuple[str, str | None, int | None, bool, datetime, Plan | None]:
        account = account_by_external_id(session, "a1")
        assert account is not None
        plan = session.get(Plan, "pro")
        return account.name, account.plan_key, account.seats, account.is_stub, account.started_at, plan

    name, plan_key, seats, is_stub, started_at, plan = await db.read(look)
    assert (name, plan_key, seats, is_stub, started_at) == ("株式会社伴走", "pro", 5, False, NOW)
    assert plan is not None
    assert plan.title is None


async def test_two_tellers_of_one_customer_end_in_one_row(db: Database) -> None:
    def tell(tier: str) -> Callable[[Session], int]:
        return lambda s: id_of(upsert_account(s, external_id="same", changes={"tier": tier, "plan": "pro"}, now=NOW))

    ids = await asyncio.gather(*(db.write(tell(f"t{number}")) for number in range(8)))
    assert len(set(ids)) == 1


async def test_a_stub_of_a_known_customer_is_that_customer(db: Database) -> None:
    def work(session: Session) -> tuple[str, bool]:
        make_account(session, external_id="a1", name="Known")
        account = stub_account(session, "a1", now=LATER)
        return account.name, account.is_stub

    assert await db.write(work) == ("Known", False)


async def test_leaving_and_coming_back(db: Database, heard: Heard) -> None:
    def work(session: Session) -> list[tuple[datetime | None, datetime | None]]:
        account = make_account(session)
        heard.clear()
        seen = []
        for _ in range(2):
            mark_left(session, account, left_at=LATER, notice_at=NOW, now=NOW)
            seen.append((account.left_at, account.notice_at))
        mark_returned(session, account, now=NOW)
        return [*seen, (account.left_at, account.notice_at)]

    assert await db.write(work) == [(LATER, NOW), (LATER, NOW), (None, None)]
    assert len(heard) == 2


async def test_erasing_a_customer_takes_its_people_along(db: Database) -> None:
    def work(session: Session) -> None:
        account = make_account(session, external_id="gone")
        make_member(session, account)
        make_member(session, make_account(session, external_id="stays"), external_id="stays")
        erase_account(session, account)

    await db.write(work)
    left = await db.read(lambda s: [account.external_id for account in accounts_after(s, limit=10)])
    assert left == ["stays"]
    assert await db.read(lambda s: len(memberships_by_external_id(s, "stays"))) == 1


# --- people -----------------------------------------------------------------------------------------------------------


async def test_someone_imported_with_an_address_is_joined_with_the_products_id(db: Database) -> None:
    def work(session: Session) -> tuple[bool, str | None, str, int]:
        account = make_account(session)
        imported = upsert_member(
            session, account, external_id=None, changes={"email": "Tanaka@example.com", "name": "田中"}, now=NOW
        )
        said = {"email": "tanaka@example.com", "role": "admin"}
        known = upsert_member(session, account, external_id="u1", changes=said, now=LATER)
        return known.id == imported.id, known.external_id, known.name, len(members_of(session, id_of(account)))

    assert await db.write(work) == (True, "u1", "田中", 1)


@pytest.mark.parametrize(
    ("external_id", "address"),
    [("u2", "first@example.com"), ("new", "first@example.com"), ("new", "ＦＩＲＳＴ@example.com")],
)
async def test_an_address_belongs_to_one_person(db: Database, external_id: str, address: str) -> None:
    def work(session: Session) -> None:
        account = make_account(session)
        make_member(session, account, external_id="u1", email="first@example.com")
        make_member(session, account, external_id="u2", email="second@example.com")
        upsert_member(session, account, external_id=external_id, changes={"email": address}, now=NOW)

    with pytest.raises(AddressTaken):
        await db.write(work)


async def test_the_same_person_may_be_in_two_customers(db: Database) -> None:
    def work(session: Session) -> int:
        for _ in range(2):
            make_member(session, make_account(session), external_id="u1", email="same@example.com")
        return len(memberships_by_external_id(session, "u1"))

    assert await db.write(work) == 2


async def test_a_person_needs_an_id_or_an_address(db: Database) -> None:
    with pytest.raises(Nameless):
        await db.write(
            lambda s: upsert_member(s, make_account(s), external_id=None, changes={"name": "nobody"}, now=NOW)
        )


async def test_a_stub_of_a_person_comes_once(db: Database) -> None:
    def work(session: Session) -> tuple[bool, bool, datetime, bool]:
        account = make_account(session)
        first = stub_member(session, account, "u1", now=NOW, joined_at=NOW - timedelta(days=3))
        again = stub_member(session, account, "u1", now=LATER)
        was_stub = again.is_stub
        known = upsert_member(session, account, external_id="u1", changes={"name": "Known"}, now=LATER)
        return first.id == again.id == known.id, was_stub, known.joined_at, known.is_stub

    assert await db.write(work) == (True, True, NOW - timedelta(days=3), False)


async def test_people_come_and_go_and_are_forgotten(db: Database, heard: Heard) -> None:
    def work(session: Session) -> list[object]:
        account = make_account(session)
        member = make_member(session, account, external_id="u1")
        mark_member_left(session, member, left_at=NOW, now=NOW)
        left = member.left_at
        mark_member_returned(session, member, now=NOW)
        back = member.left_at
        erase_member(session, member, by="test", now=NOW)
        return [left, back, member_of(session, id_of(account), "u1")]

    assert await db.write(work) == [NOW, None, None]
    assert len(heard) == 5


# --- who hears of it --------------------------------------------------------------------------------------------------


async def test_listeners_hear_of_real_changes_only(db: Database, heard: Heard) -> None:
    def work(session: Session) -> int:
        account = make_account(session, external_id="a1", tier="high")
        heard.clear()
        upsert_account(session, external_id="a1", changes={"tier": "high"}, now=LATER)
        upsert_account(session, external_id="a1", changes={"tier": "low"}, now=LATER)
        return id_of(account)

    account_id = await db.write(work)
    assert heard == [frozenset({account_id})]


async def test_bulk_work_tells_them_once(db: Database, heard: Heard) -> None:
    def work(session: Session) -> frozenset[int]:
        with changes.gathered(session, now=NOW):
            accounts = [make_account(session) for _ in range(3)]
            with changes.gathered(session, now=NOW):
                make_member(session, accounts[0])
            assert heard == []
        return frozenset(id_of(account) for account in accounts)

    account_ids = await db.write(work)
    assert heard == [account_ids]


async def test_work_that_fails_tells_nobody(db: Database, heard: Heard) -> None:
    def work(session: Session) -> None:
        with changes.gathered(session, now=NOW):
            make_account(session)
            raise Invalid(changes_refused)

    changes_refused = Nameless().message
    with pytest.raises(Invalid):
        await db.write(work)
    assert heard == []


async def test_a_listener_that_fails_undoes_the_change(db: Database) -> None:
    def refuse(_session: Session, _change: AccountChange, _now: datetime) -> None:
        raise Nameless

    leave = changes.subscribe(refuse)
    try:
        with pytest.raises(Nameless):
            await db.write(lambda s: make_account(s, external_id="a1"))
    finally:
        leave()
    assert await db.read(lambda s: account_by_external_id(s, "a1")) is None


def test_subscribing_twice_counts_once() -> None:
    subscribers: changes.Subscribers[int] = changes.Subscribers()
    told: list[int] = []

    def listen(_session: Session, what: int, _now: datetime) -> None:
        told.append(what)

    subscribers.subscribe(listen)
    leave = subscribers.subscribe(listen)
    subscribers.tell(Session(), 1, now=NOW)
    leave()
    subscribers.tell(Session(), 2, now=NOW)
    assert told == [1]


# --- plans, keys, staff -----------------------------------------------------------------------------------------------


async def test_a_plan_is_exactly_what_was_put(db: Database) -> None:
    def work(session: Session) -> list[tuple[str, str | None, object]]:
        make_account(session, plan="starter")
        make_plan(session, "pro", seats=10, rank=2)
        put_plan(session, "starter", title="Starter", limits={"seats": 3.5}, features=["api"], rank=1)
        put_plan(session, "starter", title="Starter", limits={"calls": 9}, features=[], rank=1)
        return [(plan.key, plan.title, plan.limits) for plan in list_plans(session)]

    assert await db.write(work) == [("starter", "Starter", {"calls": 9}), ("pro", "Pro", {"seats": 10})]


async def test_a_key_opens_until_it_is_revoked(db: Database) -> None:
    def work(session: Session) -> list[bool]:
        key, secret = add_api_key(session, "crm", "read", now=NOW)
        assert secret.startswith("ak_")
        assert secret not in (key.key_hash, key.name)
        assert key.hint == secret[-4:]
        found = find_api_key(session, secret)
        opened = [found is not None and found.scope == "read", find_api_key(session, secret + "x") is not None]
        revoke_api_key(session, key, now=NOW)
        return [*opened, find_api_key(session, secret) is not None, find_api_key(session, "wk_1") is not None]

    assert await db.write(work) == [True, False, False, False]


async def test_a_keys_name_is_taken_once_and_its_use_noted_hourly(db: Database) -> None:
    def work(session: Session) -> list[bool]:
        key, _ = add_api_key(session, "crm", "write", now=NOW)
        due = [is_use_due(key, now=NOW)]
        note_use(session, key.id or 0, now=NOW)
        session.refresh(key)
        return [*due, is_use_due(key, now=NOW), is_use_due(key, now=NOW + timedelta(hours=1))]

    assert await db.write(work) == [True, False, True]
    with pytest.raises(NameTaken):
        await db.write(lambda s: add_api_key(s, "crm", "read", now=NOW))


async def test_staff_are_added_changed_removed_and_brought_back(db: Database) -> None:
    def work(session: Session) -> list[object]:
        staff = add_staff(session, email="Sato@vendor.example", name="佐藤", now=NOW)
        again = add_staff(session, email="sato@vendor.example", role="editor", now=LATER)
        seen: list[object] = [again.id == staff.id, again.name, again.role]
        remove_staff(session, staff, now=LATER)
        seen.append(len(list_staff(session)))
        back = add_staff(session, email="sato@vendor.example", now=LATER)
        return [*seen, back.id == staff.id, [person.role for person in list_staff(session)]]

    assert await db.write(work) == [True, "佐藤", "editor", 0, True, ["editor"]]


@pytest.mark.parametrize(
    ("email", "role", "fields"),
    [("nobody", None, ["email"]), ("a@b.jp", "boss", ["role"]), ("x", "y", ["email", "role"])],
)
async def test_staff_who_cannot_be(db: Database, email: str, role: str | None, fields: list[str]) -> None:
    with pytest.raises(Invalid) as raised:
        await db.write(lambda s: add_staff(s, email=email, role=role, now=NOW))
    assert [problem.field for problem in raised.value.problems] == fields


# --- the list ---------------------------------------------------------------------------------------------------------


def listed(session: Session) -> None:
    first = make_account(
        session, external_id="a-100%", name="株式会社伴走", name_kana="カブシキガイシャバンソウ", plan="pro", seats=10
    )
    make_member(session, first, email="tanaka@bansou.example")
    make_member(session, first, email="left@bansou.example", left_at=NOW)
    make_account(session, external_id="b_2", name="ＡＢＣ商事", tier="high", owner="sato", seats=2)
    make_account(session, external_id="c3", name="テスト工業", plan="free", left_at=NOW - timedelta(days=1))
    make_account(session, external_id="d4", name="Leaving", left_at=LATER, mrr=100)
    make_account(session, external_id="e5", name="Noticed", notice_at=NOW, owner="sato")
    stub_account(session, "f6", now=NOW)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), {"a-100%", "b_2", "c3", "d4", "e5", "f6"}),
        (Filters(q="伴走"), {"a-100%"}),
        (Filters(q="ばんそう"), {"a-100%"}),
        (Filters(q="ﾊﾞﾝｿｳ"), {"a-100%"}),
        (Filters(q="abc"), {"b_2"}),
        (Filters(q="株式 伴"), {"a-100%"}),
        (Filters(q="株式 商事"), set()),
        (Filters(q="%"), {"a-100%"}),
        (Filters(q="_"), {"b_2"}),
        (Filters(q="TANAKA@"), {"a-100%"}),
        (Filters(q="nothing like it"), set()),
        (Filters(plan="pro"), {"a-100%"}),
        (Filters(plan=NONE), {"b_2", "d4", "e5", "f6"}),
        (Filters(owner="sato", tier="high"), {"b_2"}),
        (Filters(status="active"), {"a-100%", "b_2", "d4", "e5", "f6"}),
        (Filters(status="leaving"), {"d4", "e5"}),
        (Filters(status="left"), {"c3"}),
        (Filters(status="unknown"), {"f6"}),
    ],
)
async def test_what_staff_find(db: Database, filters: Filters, found: set[str]) -> None:
    await db.write(listed)
    page = await db.read(lambda s: list_accounts(s, filters=filters, now=NOW))
    assert {account.external_id for account in page.accounts} == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    ("sort", "descending", "first"),
    [("seats", False, ["b_2", "a-100%"]), ("seats", True, ["a-100%", "b_2"]), ("plan", False, ["c3", "a-100%"])],
)
async def test_empty_values_sort_last(db: Database, sort: Sort, descending: bool, first: list[str]) -> None:
    await db.write(listed)
    page = await db.read(lambda s: list_accounts(s, filters=Filters(), now=NOW, sort=sort, descending=descending))
    assert [account.external_id for account in page.accounts][:2] == first


async def test_names_sort_as_they_are_read_and_without_their_legal_form(db: Database) -> None:
    told = (
        ("1", "㈱山田商事", "ヤマダ"),
        ("2", "株式会社青空", "ｱｵｿﾞﾗ"),
        ("3", "有限会社かもめ", ""),
        ("4", "たちばな", ""),
    )

    def work(session: Session) -> list[str]:
        for external_id, name, kana in told:
            changes = {"name": name, "name_kana": kana or None}
            upsert_account(session, external_id=external_id, changes=changes, now=NOW)
        page = list_accounts(session, filters=Filters(), now=NOW)
        assert ids_of(session, filters=Filters(), now=NOW) == [one.id for one in page.accounts]
        return [one.external_id for one in page.accounts]

    assert await db.write(work) == ["2", "3", "4", "1"]


async def test_pages_of_the_list(db: Database) -> None:
    await db.write(listed)

    def look(number: int) -> Callable[[Session], tuple[list[str], int, int]]:
        def work(session: Session) -> tuple[list[str], int, int]:
            page = list_accounts(session, filters=Filters(), now=NOW, sort="external_id", page=number, limit=4)
            return [account.external_id for account in page.accounts], page.page, page.pages

        return work

    assert await db.read(look(1)) == (["a-100%", "b_2", "c3", "d4"], 1, 2)
    assert await db.read(look(2)) == (["e5", "f6"], 2, 2)
    assert await db.read(look(99)) == (["e5", "f6"], 2, 2)


async def test_the_list_counts_active_members_and_offers_what_is_in_use(db: Database) -> None:
    await db.write(listed)

    def look(session: Session) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
        page = list_accounts(session, filters=Filters(q="伴走"), now=NOW)
        counts = {account.external_id: page.members[id_of(account)] for account in page.accounts}
        return counts, facets(session)

    counts, offered = await db.read(look)
    assert counts == {"a-100%": 1}
    assert offered == {"plan": ("free", "pro"), "tier": ("high",), "owner": ("sato",)}


async def test_paging_by_cursor_sees_every_customer_once(db: Database) -> None:
    await db.write(listed)

    def look(session: Session) -> list[str]:
        seen: list[Account] = []
        while page := accounts_after(session, after=id_of(seen[-1]) if seen else 0, limit=4):
            seen += page
        return [account.external_id for account in seen]

    assert await db.read(look) == ["a-100%", "b_2", "c3", "d4", "e5", "f6"]


async def test_a_field_that_is_filled_twice_at_once(db: Database) -> None:
    await db.write(lambda session: make_account(session, traits={"industry": "retail"}))

    async def keep(*, is_new: bool = False) -> None:
        told: dict[str, Any] = {"key": "industry", "label": {"ja": "業種"}, "kind": "text", "choices": ()}
        await db.write(lambda session: own_fields.keep_field(session, **told, is_filter=True, is_new=is_new))

    await keep(is_new=True)
    await asyncio.gather(*(keep() for _ in range(4)))
    assert await db.read(own_fields.values_in_use) == {"industry": ("retail",)}
