from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from sqlmodel import Session

from api.segments import segment_of
from api.v1.accounts import ACCOUNT_READERS, MEMBER_READERS, AccountIn, MemberIn
from portal.accounts.merging import merge_accounts
from portal.accounts.service import account_by_external_id
from portal.kit.db import Database
from tests.vendor import Vendor, vendor_on

pytestmark = pytest.mark.anyio
ODD_IDS = ["a/b", "a%2Fb", "100%", "a b", "株式会社あおば", "a?b#c", "a+b&c=d", "..a", "a/members/b", "あ/い%"]


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        yield vendor


@pytest.fixture
async def caller(vendor: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor.caller() as caller:
        yield caller


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    return said


def pointers(answer: httpx.Response) -> set[str]:
    return {error["pointer"] for error in problem(answer, 422)["errors"]}


# --- customers --------------------------------------------------------------------------------------------------------


async def test_a_customer_is_made_known_and_read_back(caller: httpx.AsyncClient) -> None:
    told = {
        "name": "株式会社アクメ",
        "name_kana": "アクメ",
        "plan": "pro",
        "seats": 20,
        "tier": "high",
        "owner": "yamada@vendor.example",
        "created_at": "2026-05-01",
        "started_at": "2026-05-10T09:00:00+09:00",
        "renews_at": "2027-05-01",
        "notice_by": "2027-04-01",
        "mrr": 50000,
        "currency": "jpy",
        "notice_at": None,
        "left_at": None,
        "goal": "請求を月末3日で締める",
        "traits": {"industry": "retail", "nested": {"a": [1, None, "あ"]}},
    }
    put = await caller.put("/accounts/acme", json=told)
    assert put.status_code == 200, put.text
    got = await caller.get("/accounts/acme")
    assert got.json() == put.json()
    assert got.json() == {
        **told,
        "external_id": "acme",
        "created_at": "2026-04-30T15:00:00Z",
        "started_at": "2026-05-10T00:00:00Z",
        "currency": "JPY",
        "stub": False,
    }


async def test_what_is_not_mentioned_stays_and_null_clears(caller: httpx.AsyncClient) -> None:
    await caller.put("/accounts/acme", json={"name": "Acme", "plan": "pro", "seats": 3, "traits": {"a": 1, "b": 2}})
    after = await caller.put("/accounts/acme", json={"seats": None, "traits": {"a": None, "c": 3}})
    said = after.json()
    assert (said["name"], said["plan"], said["seats"], said["traits"]) == ("Acme", "pro", None, {"b": 2, "c": 3})
    again = await caller.put("/accounts/acme", json={"seats": None, "traits": {"a": None, "c": 3}})
    assert again.json() == said


async def test_a_new_customer_is_enrolled_at_once(caller: httpx.AsyncClient) -> None:
    await caller.put("/accounts/acme", json={"started_at": "2026-06-01"})
    said = (await caller.get("/accounts/acme/checklists/first-30-days")).json()
    assert said["due_at"] == "2026-07-01T14:59:59Z"


async def test_everything_wrong_is_said_at_once_and_nothing_is_kept(caller: httpx.AsyncClient) -> None:
    told = {
        "name": "x" * 201,
        "seats": -1,
        "created_at": "yesterday",
        "mrr": "much",
        "currency": "yen!",
        "plna": "pro",
        "traits": ["no"],
    }
    answer = await caller.put("/accounts/acme", json=told)
    assert pointers(answer) == {f"#/{name}" for name in told}
    problem(await caller.get("/accounts/acme"), 404)


@pytest.mark.parametrize(
    "traits", ['{"a": "\\u0000"}', '{"a\\u0000": 1}', '{"a": NaN}', '{"a": "\\ud800"}', '{"a": 1e999}', "[]"]
)
async def test_what_no_database_can_keep_is_refused(caller: httpx.AsyncClient, traits: str) -> None:
    answer = await caller.put("/accounts/acme", content=f'{{"traits": {traits}}}')
    assert pointers(answer) == {"#/traits"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", 5, "not_text"),
        ("seats", "20", "not_a_number"),
        ("mrr", "50000", "not_a_number"),
        ("started_at", "", "blank"),
        ("started_at", 20260601, "not_text"),
        ("currency", " ", "blank"),
    ],
)
async def test_what_files_may_say_is_not_what_json_may_say(
    caller: httpx.AsyncClient, field: str, value: object, code: str
) -> None:
    answer = await caller.put("/accounts/acme", json={field: value, "plna": "pro"})
    said = {one["pointer"]: one["code"] for one in problem(answer, 422)["errors"]}
    assert said == {f"#/{field}": code, "#/plna": "unknown_field"}


async def test_blank_text_is_no_text(caller: httpx.AsyncClient) -> None:
    await caller.put("/accounts/acme", json={"name": "Acme", "tier": "gold"})
    assert (await caller.put("/accounts/acme", json={"tier": " "})).json()["tier"] is None


async def test_traits_have_a_limit(caller: httpx.AsyncClient) -> None:
    assert pointers(await caller.put("/accounts/acme", json={"traits": {"a": "x" * 40_000}})) == {"#/traits"}


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "{]"])
async def test_what_is_no_object_is_malformed(caller: httpx.AsyncClient, body: str) -> None:
    assert problem(await caller.put("/accounts/acme", content=body), 400)["code"] == "malformed"


async def test_a_body_has_a_limit(caller: httpx.AsyncClient) -> None:
    body = '{"name": "' + "x" * 600_000 + '"}'
    assert problem(await caller.put("/accounts/acme", content=body), 413)["code"] == "too_large"


@pytest.mark.parametrize("external_id", ODD_IDS)
async def test_any_id_can_be_addressed(caller: httpx.AsyncClient, external_id: str) -> None:
    path = f"/accounts/{segment_of(external_id)}"
    assert (await caller.put(path, json={"name": "Odd"})).json()["external_id"] == external_id
    assert (await caller.get(path)).json()["external_id"] == external_id
    member = await caller.put(f"{path}/members/{segment_of(external_id)}", json={})
    assert (member.json()["external_id"], member.json()["account"]) == (external_id, external_id)
    assert (await caller.get(f"{path}/checklists/first-30-days")).json()["account"] == external_id
    assert (await caller.delete(path)).status_code == 204
    problem(await caller.get(path), 404)


@pytest.mark.parametrize("external_id", ["%00", "a%00b", "x" * 201, "%20"])
async def test_what_can_be_nobodys_id(caller: httpx.AsyncClient, external_id: str) -> None:
    problem(await caller.get(f"/accounts/{external_id}"), 404)
    problem(await caller.delete(f"/accounts/{external_id}"), 404)
    assert pointers(await caller.put(f"/accounts/{external_id}", json={})) == {"#/external_id"}
    problem(await caller.get(f"/accounts/aoba/members/{external_id}"), 404)


async def test_the_list_pages_through_everybody_once(caller: httpx.AsyncClient) -> None:
    for number in range(5):
        await caller.put(f"/accounts/c-{number}", json={})
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await caller.get("/accounts", params={"limit": 3, "cursor": cursor})).json()
        assert len(page["accounts"]) <= 3
        seen += [one["external_id"] for one in page["accounts"]]
        cursor = page["next"]
    assert seen == ["aoba", "midori", "c-0", "c-1", "c-2", "c-3", "c-4"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=YWZ0ZXI6LT=", "cursor=あ"])
async def test_a_list_refuses_what_it_did_not_give_out(caller: httpx.AsyncClient, query: str) -> None:
    for path in ("/accounts", "/accounts/aoba/members"):
        assert pointers(await caller.get(f"{path}?{query}")) == {f"#/query/{query.split('=', maxsplit=1)[0]}"}


async def test_deleting_a_customer_erases_what_belongs_to_it(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    assert (await caller.delete("/accounts/aoba")).status_code == 204
    for path in ("", "/members/u-tanaka", "/members", "/checklists", "/checklists/first-30-days"):
        problem(await caller.get(f"/accounts/aoba{path}"), 404)
    problem(await caller.delete("/accounts/aoba"), 404)
    assert (await caller.get("/accounts/midori")).status_code == 200
    async with vendor.browser("tanaka") as browser:
        assert (await browser.get("/")).headers["location"] == "/sign-in"


# --- their people -----------------------------------------------------------------------------------------------------


async def test_a_person_is_made_known_and_read_back(caller: httpx.AsyncClient) -> None:
    told = {
        "email": "Hana@Midori.example",
        "name": "森 花",
        "name_kana": "モリ ハナ",
        "role": "admin",
        "department": "総務",
        "locale": "ja",
        "joined_at": "2026-06-01",
        "left_at": None,
        "traits": {"floor": 3},
    }
    put = await caller.put("/accounts/midori/members/u-9", json=told)
    assert put.status_code == 200, put.text
    assert (await caller.get("/accounts/midori/members/u-9")).json() == put.json()
    assert put.json() == {
        **told,
        "external_id": "u-9",
        "account": "midori",
        "joined_at": "2026-05-31T15:00:00Z",
        "stub": False,
    }


async def test_someone_who_left_cannot_come_in(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    left = await caller.put("/accounts/aoba/members/u-tanaka", json={"left_at": "2026-06-02"})
    assert left.json()["left_at"] == "2026-06-01T15:00:00Z"
    async with vendor.browser("tanaka") as browser:
        assert (await browser.get("/")).headers["location"] == "/sign-in"


async def test_an_address_belongs_to_one_person(caller: httpx.AsyncClient) -> None:
    answer = await caller.put("/accounts/aoba/members/u-new", json={"email": "TANAKA@aoba.example"})
    assert problem(answer, 409)["code"] == "email_taken"
    elsewhere = await caller.put("/accounts/midori/members/u-new", json={"email": "tanaka@aoba.example"})
    assert elsewhere.status_code == 200


async def test_every_wrong_field_of_a_person_is_named(caller: httpx.AsyncClient) -> None:
    told = {"email": "nobody", "locale": "日本語", "joined_at": "soon", "role": ["admin"], "password": "x"}
    answer = await caller.put("/accounts/aoba/members/u-new", json=told)
    assert pointers(answer) == {f"#/{name}" for name in told}


async def test_the_people_of_a_customer_come_in_pages(caller: httpx.AsyncClient) -> None:
    first = (await caller.get("/accounts/aoba/members?limit=2")).json()
    rest = (await caller.get("/accounts/aoba/members", params={"limit": 2, "cursor": first["next"]})).json()
    people = [one["external_id"] for one in first["members"] + rest["members"]]
    assert people == ["u-admin", "u-tanaka", "u-suzuki"]
    assert rest["next"] is None


async def test_deleting_a_person_keeps_what_they_did_for_the_customer(
    vendor: Vendor, caller: httpx.AsyncClient
) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    assert (await caller.delete("/accounts/aoba/members/u-tanaka")).status_code == 204
    problem(await caller.get("/accounts/aoba/members/u-tanaka"), 404)
    problem(await caller.delete("/accounts/aoba/members/u-tanaka"), 404)
    steps = (await caller.get("/accounts/aoba/checklists/first-30-days")).json()["steps"]
    assert [step["key"] for step in steps if step["done"]] == ["invite"]


async def test_a_person_is_found_in_their_own_customer_only(caller: httpx.AsyncClient) -> None:
    problem(await caller.get("/accounts/midori/members/u-tanaka"), 404)
    problem(await caller.delete("/accounts/midori/members/u-tanaka"), 404)
    problem(await caller.put("/accounts/nobody/members/u-tanaka", json={}), 404)


# --- who may ----------------------------------------------------------------------------------------------------------

WRITES = [
    ("PUT", "/accounts/aoba"),
    ("DELETE", "/accounts/aoba"),
    ("PUT", "/accounts/aoba/members/u-tanaka"),
    ("DELETE", "/accounts/aoba/members/u-tanaka"),
    ("PUT", "/plans/pro"),
    ("PATCH", "/accounts/aoba/checklists/first-30-days"),
    ("PUT", "/accounts/aoba/checklists/first-30-days/steps/logo/completion"),
    ("DELETE", "/accounts/aoba/checklists/first-30-days/steps/logo/completion"),
]
READS = ["/accounts", "/accounts/aoba", "/accounts/aoba/members", "/accounts/aoba/checklists", "/plans"]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_writing_takes_a_key_that_may_write(vendor: Vendor, method: str, path: str) -> None:
    async with vendor.caller("read") as reader, vendor.caller(None) as nobody:
        before = (await reader.get("/accounts/aoba/checklists")).json()
        assert problem(await reader.request(method, path, json={}), 403)["code"] == "forbidden"
        assert problem(await nobody.request(method, path, json={}), 401)["code"] == "unauthorized"
        assert (await reader.get("/accounts/aoba/checklists")).json() == before


@pytest.mark.parametrize("path", READS)
async def test_reading_takes_a_key(vendor: Vendor, path: str) -> None:
    async with vendor.caller("read") as reader, vendor.caller(None) as nobody, vendor.browser("admin") as member:
        assert (await reader.get(path)).status_code == 200
        assert problem(await nobody.get(path), 401)["code"] == "unauthorized"
        assert problem(await member.get(f"/api/v1{path}"), 401)["code"] == "unauthorized"


async def test_a_key_in_use_is_known_to_be(vendor: Vendor) -> None:
    vendor.clock.now += timedelta(hours=2)
    async with vendor.caller("read") as reader:
        assert (await reader.get("/accounts")).status_code == 200


# --- the document of the interface ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "readers"), [(AccountIn, ACCOUNT_READERS), (MemberIn, MEMBER_READERS)])
async def test_what_is_documented_is_what_is_read(model: type[BaseModel], readers: dict[str, object]) -> None:
    assert set(model.model_fields) == set(readers)


async def test_the_id_of_a_merged_customer_means_the_survivor_and_erases_nobody(
    vendor: Vendor, caller: httpx.AsyncClient
) -> None:
    def work(session: Session) -> None:
        keep, gone = (account_by_external_id(session, one) for one in ("aoba", "midori"))
        assert keep is not None
        assert gone is not None
        merge_accounts(session, keep=keep, gone=gone, by="佐藤", now=vendor.clock.now)

    await vendor.db.write(work)
    assert (await caller.get("/accounts/midori")).json()["external_id"] == "aoba"
    changed = await caller.put("/accounts/midori", json={"tier": "high"})
    assert (changed.json()["external_id"], changed.json()["tier"]) == ("aoba", "high")
    problem(await caller.delete("/accounts/midori"), 404)
    assert [one["external_id"] for one in (await caller.get("/accounts")).json()["accounts"]] == ["aoba"]
