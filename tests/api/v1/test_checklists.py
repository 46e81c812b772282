from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import Session, select

from api.v1.checklists import COMPLETION_READERS, EXCEPTION_READERS, CompletionIn, ExceptionIn
from portal.checklists.models import Completion, Enrollment, EnrollmentException
from portal.kit.db import Database
from tests.factories import NOW
from tests.vendor import FIRST_DAYS, Vendor, account_of, vendor_on

pytestmark = pytest.mark.anyio
RUN = "/accounts/aoba/checklists/first-30-days"


@pytest.fixture
async def vendor(db: Database) -> AsyncIterator[Vendor]:
    async with vendor_on(db) as vendor:
        yield vendor


@pytest.fixture
async def caller(vendor: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor.caller() as caller:
        yield caller


def at(step: str) -> str:
    return f"{RUN}/steps/{step}/completion"


def step_in(answer: httpx.Response, key: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = next(step for step in answer.json()["steps"] if step["key"] == key)
    return found


def pointers(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["pointer"] for error in answer.json()["errors"]}


async def exceptions_in(vendor: Vendor) -> list[tuple[str, str, str, str | None, str | None]]:
    def work(session: Session) -> list[tuple[str, str, str, str | None, str | None]]:
        mine = select(Enrollment.id).where(Enrollment.account_id == account_of(session, "aoba"))
        found = session.exec(select(EnrollmentException).order_by(EnrollmentException.id)).all()  # type: ignore[arg-type]
        own = set(session.exec(mine))
        return [(one.kind, one.by, one.reason, one.before, one.after) for one in found if one.enrollment_id in own]

    return await vendor.db.read(work)


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_the_state_has_exactly_the_fields_of_the_contract(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    answer = await caller.get(RUN)
    assert answer.json() == {
        "account": "aoba",
        "checklist": "first-30-days",
        "version": 1,
        "started_at": "2026-06-03T01:00:00Z",
        "due_at": "2026-07-03T14:59:59Z",
        "completed_at": None,
        "status": "in_progress",
        "progress": {"done": 1, "total": 5},
        "steps": [
            {
                "key": "kickoff",
                "title": {"ja": "キックオフ", "en": "Kickoff"},
                "scope": "account",
                "required": True,
                "due_at": "2026-06-10T14:59:59Z",
                "done": False,
                "completion": None,
            },
            {
                "key": "invite",
                "title": {"ja": "メンバーを3名招待する", "en": "Invite three members"},
                "scope": "account",
                "required": True,
                "due_at": None,
                "done": True,
                "completion": {
                    "at": "2026-06-03T01:00:00Z",
                    "by": step_in(answer, "invite")["completion"]["by"],
                    "how": "event",
                    "evidence": step_in(answer, "invite")["completion"]["evidence"],
                },
            },
            {
                "key": "profile",
                "title": {"ja": "プロフィールを書く", "en": "Write your profile"},
                "scope": "every_member",
                "required": True,
                "due_at": None,
                "done": False,
                "completion": None,
            },
            {
                "key": "billing",
                "title": {"ja": "請求先を確認する", "en": "Confirm billing"},
                "scope": {"role": "admin"},
                "required": True,
                "due_at": None,
                "done": False,
                "completion": None,
            },
            {
                "key": "logo",
                "title": {"ja": "ロゴを登録する", "en": "ロゴを登録する"},
                "scope": "account",
                "required": False,
                "due_at": None,
                "done": False,
                "completion": None,
            },
        ],
    }
    evidence = step_in(answer, "invite")["completion"]["evidence"]
    assert (evidence["event"], evidence["count"], evidence["needed"]) == ("member.invited", 3, 3)


async def test_every_scope_is_said_in_the_words_of_the_file(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    scopes: list[Any] = ["account", "any_member", "every_member", {"members": 3}, {"share": "80%"}, {"role": "admin"}]
    steps = [{"key": f"s{n}", "title": "x", "scope": scope} for n, scope in enumerate(scopes)]
    await vendor.publish({"key": "all", "title": "x", "from": "2026-01-01", "steps": steps})
    answer = await caller.get("/accounts/aoba/checklists/all")
    assert [step["scope"] for step in answer.json()["steps"]] == scopes


async def test_all_checklists_of_a_customer_are_listed(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await vendor.publish({**FIRST_DAYS, "key": "second"}, {**FIRST_DAYS, "key": "pro", "audience": {"plan": "pro"}})
    listed = (await caller.get("/accounts/aoba/checklists")).json()["checklists"]
    assert [one["checklist"] for one in listed] == ["second"]
    assert listed[0] == (await caller.get("/accounts/aoba/checklists/second")).json()


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/nobody/checklists",
        "/accounts/nobody/checklists/first-30-days",
        "/accounts/aoba/checklists/nothing",
        "/accounts/aoba/checklists/pro",
        "/accounts/aoba/checklists/%00",
    ],
)
async def test_who_is_not_enrolled_is_404(vendor: Vendor, caller: httpx.AsyncClient, path: str) -> None:
    await vendor.publish(FIRST_DAYS, {**FIRST_DAYS, "key": "pro", "audience": {"plan": "pro"}})
    answer = await caller.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


# --- completing and undoing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["kickoff", "invite", "profile", "billing", "logo"])
async def test_a_step_is_completed_for_the_customer_whatever_its_scope(caller: httpx.AsyncClient, step: str) -> None:
    answer = await caller.put(at(step))
    said = step_in(answer, step)
    assert said["done"]
    assert said["completion"] == {"at": "2026-06-03T01:00:00Z", "by": "crm write", "how": "api", "evidence": {}}
    assert answer.json()["progress"] == {"done": 1, "total": 5}


async def test_completing_twice_changes_nothing(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    first = await caller.put(at("logo"))
    vendor.clock.now += timedelta(days=1)
    second = await caller.put(at("logo"), json={"at": "2026-06-02T00:00:00Z"})
    assert second.json() == first.json()
    count = await vendor.db.read(lambda session: len(session.exec(select(Completion)).all()))
    assert count == 1


async def test_each_member_has_a_part(caller: httpx.AsyncClient) -> None:
    for member, done in (("u-admin", False), ("u-tanaka", False), ("u-suzuki", True)):
        answer = await caller.put(at("profile"), json={"member": member})
        assert step_in(answer, "profile")["done"] is done
    assert sorted(step_in(answer, "profile")["completion"]["evidence"]["members"]) == [
        "u-admin",
        "u-suzuki",
        "u-tanaka",
    ]
    answer = await caller.request("DELETE", at("profile"), json={"member": "u-tanaka"})
    assert not step_in(answer, "profile")["done"]
    answer = await caller.put(at("profile"), json={"member": "u-tanaka"})
    assert step_in(answer, "profile")["done"]


async def test_all_steps_done_complete_the_checklist_at_the_last_of_them(caller: httpx.AsyncClient) -> None:
    for day, step in enumerate(("kickoff", "invite", "profile", "billing"), start=1):
        answer = await caller.put(at(step), json={"at": f"2026-05-0{day}T12:00:00+09:00"})
    said = answer.json()
    assert said["status"] == "completed"
    assert said["completed_at"] == "2026-05-04T03:00:00Z"
    assert said["progress"] == {"done": 4, "total": 5}


async def test_a_day_alone_is_a_day_of_the_vendor(caller: httpx.AsyncClient) -> None:
    answer = await caller.put(at("logo"), json={"at": "2026-06-01"})
    assert step_in(answer, "logo")["completion"]["at"] == "2026-05-31T15:00:00Z"


async def test_the_future_is_refused_but_not_a_fast_clock(caller: httpx.AsyncClient) -> None:
    assert pointers(await caller.put(at("logo"), json={"at": "2026-06-03T01:05:00Z"})) == {"#/at"}
    assert not step_in(await caller.get(RUN), "logo")["done"]
    answer = await caller.put(at("logo"), json={"at": "2026-06-03T01:00:30Z"})
    assert step_in(answer, "logo")["completion"]["at"] == "2026-06-03T01:00:00Z"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"at": "soon"}, {"#/at"}),
        ({"at": 12, "member": ["a"], "who": "me"}, {"#/at", "#/member", "#/who"}),
        ({"member": "x" * 201}, {"#/member"}),
    ],
)
async def test_a_wrong_body_is_refused_whole(caller: httpx.AsyncClient, body: dict[str, Any], wrong: set[str]) -> None:
    for method in ("PUT", "DELETE"):
        assert pointers(await caller.request(method, at("logo"), json=body)) == wrong
    assert (await caller.put(at("logo"), content=b"{")).status_code == 400
    assert not step_in(await caller.get(RUN), "logo")["done"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (at("nothing"), None),
        ("/accounts/nobody/checklists/first-30-days/steps/logo/completion", None),
        ("/accounts/aoba/checklists/nothing/steps/logo/completion", None),
        (at("profile"), {"member": "u-nobody"}),
        (at("profile"), {"member": "u-other"}),
    ],
)
async def test_what_is_not_there_cannot_be_completed_or_undone(
    caller: httpx.AsyncClient, path: str, body: dict[str, str] | None
) -> None:
    before = (await caller.get(RUN)).json()
    for method in ("PUT", "DELETE"):
        answer = await caller.request(method, path, json=body)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await caller.get(RUN)).json() == before


async def test_what_is_undone_needs_something_later(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    await vendor.happen("member.invited", member="u-tanaka", times=3)
    vendor.clock.now += timedelta(hours=1)
    undone = await caller.delete(at("invite"))
    assert not step_in(undone, "invite")["done"]
    assert (await caller.delete(at("invite"))).json() == undone.json()
    vendor.clock.now += timedelta(hours=1)
    await vendor.happen("member.invited", member="u-tanaka", times=2)
    assert not step_in(await caller.get(RUN), "invite")["done"]
    await vendor.happen("member.invited", member="u-suzuki", times=1)
    assert step_in(await caller.get(RUN), "invite")["done"]
    kept = await vendor.db.read(
        lambda session: [(one.undone_by, one.undone_whole) for one in session.exec(select(Completion)) if one.undone_at]
    )
    assert kept == [("crm write", True)]


async def test_a_delete_without_a_body_may_name_the_member_in_its_address(caller: httpx.AsyncClient) -> None:
    await caller.put(at("profile"), json={"member": "u-tanaka"})
    await caller.put(at("profile"), json={"member": "u-suzuki"})
    await caller.delete(f"{at('profile')}?member=u-tanaka")
    answer = await caller.put(at("profile"), json={"member": "u-admin"})
    assert not step_in(answer, "profile")["done"]
    assert (await caller.delete(f"{at('profile')}?member=u-nobody")).status_code == 404


# --- exceptions -------------------------------------------------------------------------------------------------------


async def test_a_moved_start_moves_the_deadline(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    answer = await caller.patch(RUN, json={"started_at": "2026-05-01", "reason": "契約開始日に合わせる"})
    said = answer.json()
    assert (said["started_at"], said["due_at"]) == ("2026-04-30T15:00:00Z", "2026-06-01T14:59:59Z")
    assert said["status"] == "overdue"
    assert await exceptions_in(vendor) == [
        ("start", "crm write", "契約開始日に合わせる", "2026-06-03T01:00:00Z", "2026-04-30T15:00:00Z")
    ]


async def test_an_extension_lasts_to_the_end_of_its_day_and_can_be_taken_back(caller: httpx.AsyncClient) -> None:
    answer = await caller.patch(RUN, json={"due_at": "2026-08-31", "reason": "休職"})
    assert answer.json()["due_at"] == "2026-08-31T14:59:59Z"
    answer = await caller.patch(RUN, json={"due_at": None, "reason": "復職"})
    assert answer.json()["due_at"] == "2026-07-03T14:59:59Z"


async def test_a_pause_stops_the_clock(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    paused = await caller.patch(RUN, json={"paused": True, "reason": "年度末"})
    assert paused.json()["status"] == "paused"
    again = await caller.patch(RUN, json={"paused": True, "reason": "年度末"})
    assert again.json() == paused.json()
    vendor.clock.now += timedelta(days=10)
    resumed = await caller.patch(RUN, json={"paused": False, "reason": "再開"})
    assert (resumed.json()["status"], resumed.json()["due_at"]) == ("in_progress", "2026-07-13T14:59:59Z")
    assert [(kind, reason) for kind, _, reason, _, _ in await exceptions_in(vendor)] == [
        ("pause", "年度末"),
        ("resume", "再開"),
    ]


async def test_an_exclusion_can_be_taken_back(caller: httpx.AsyncClient) -> None:
    assert (await caller.patch(RUN, json={"excluded": True, "reason": "検証用"})).json()["status"] == "excluded"
    assert (await caller.patch(RUN, json={"excluded": False, "reason": "間違い"})).json()["status"] == "in_progress"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"paused": True}, {"#/reason"}),
        ({"paused": True, "reason": "  "}, {"#/reason"}),
        ({"paused": "yes", "reason": "x"}, {"#/paused"}),
        (
            {"paused": None, "excluded": None, "started_at": None, "reason": "x"},
            {"#/paused", "#/excluded", "#/started_at"},
        ),
        (
            {"excluded": 1, "due_at": "later", "started_at": 3, "pausd": True},
            {"#/excluded", "#/due_at", "#/started_at", "#/pausd", "#/reason"},
        ),
        ({"reason": "x" * 1001}, {"#/reason"}),
        ({"due_at": "2026-02-30", "reason": "x"}, {"#/due_at"}),
    ],
)
async def test_a_wrong_exception_is_refused_whole(
    vendor: Vendor, caller: httpx.AsyncClient, body: dict[str, Any], wrong: set[str]
) -> None:
    before = (await caller.get(RUN)).json()
    assert pointers(await caller.patch(RUN, json=body)) == wrong
    assert (await caller.get(RUN)).json() == before
    assert await exceptions_in(vendor) == []


async def test_an_exception_is_for_who_is_enrolled(caller: httpx.AsyncClient) -> None:
    for path in ("/accounts/nobody/checklists/first-30-days", "/accounts/aoba/checklists/nothing"):
        assert (await caller.patch(path, json={"paused": True, "reason": "x"})).status_code == 404


async def test_an_exception_of_one_customer_touches_no_other(caller: httpx.AsyncClient) -> None:
    other = "/accounts/midori/checklists/first-30-days"
    before = (await caller.get(other)).json()
    await caller.patch(RUN, json={"paused": True, "excluded": True, "due_at": "2027-01-01", "reason": "x"})
    await caller.put(at("logo"))
    assert (await caller.get(other)).json() == before


async def test_the_state_of_now_is_asked_at_every_request(vendor: Vendor, caller: httpx.AsyncClient) -> None:
    vendor.clock.now = NOW + timedelta(days=31)
    assert (await caller.get(RUN)).json()["status"] == "overdue"


# --- the document of the interface ------------------------------------------------------------------------------------


async def test_what_is_documented_is_what_is_read(vendor: Vendor) -> None:
    assert set(ExceptionIn.model_fields) == set(EXCEPTION_READERS)
    assert set(CompletionIn.model_fields) == set(COMPLETION_READERS)
    async with vendor.caller(None) as anyone:
        paths = (await anyone.get("http://portal.example/api/openapi.json")).json()["paths"]
    patch = paths["/v1/accounts/{account}/checklists/{key}"]["patch"]
    body = patch["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(EXCEPTION_READERS)
    assert body["required"] == ["reason"]
