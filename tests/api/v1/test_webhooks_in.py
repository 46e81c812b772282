"""Webhooks in, sent by the library that others send them with."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select
from standardwebhooks import Webhook

from portal.events.deliveries import KEPT, Refused, note_refused, refused_deliveries
from portal.events.models import Event, Source
from portal.events.sources import NewSource, add_source
from portal.kit.db import Database
from portal.kit.secrets import Secrets
from tests.api.conftest import code_of
from tests.factories import NOW
from tests.vendor import Vendor, account_of, vendor_on

FORMER = "whsec_Zm9ybWVyLXNlY3JldC1vZi10aGlzLXNvdXJjZQ=="
STEP = {"account": "aoba", "checklist": "first-30-days", "step": "kickoff"}
one_engine = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@dataclass
class Sender:
    """Another system, which holds the webhook secret of one source."""

    vendor: Vendor
    client: httpx.AsyncClient
    source: NewSource
    secrets: Secrets
    sent: int = field(default=0)

    async def send(
        self,
        kind: object = "step.completed",
        data: object = None,
        *,
        webhook_id: str = "",
        secret: str = "",
        late: float = 0,
        body: bytes | None = None,
        source: str = "",
        **headers: str,
    ) -> httpx.Response:
        self.sent += 1
        at = self.vendor.clock.now - timedelta(seconds=late)
        told = {"type": kind, "timestamp": self.vendor.clock.now.isoformat(), "data": STEP if data is None else data}
        content = json.dumps(told).encode() if body is None else body
        webhook_id = webhook_id or f"msg_{self.sent}"
        signature = Webhook(secret or self.source.webhook_secret).sign(webhook_id, at, content.decode("latin-1"))
        shown = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.post(content, {name: value for name, value in shown.items() if value}, source=source)

    async def post(self, content: bytes, headers: dict[str, str], *, source: str = "") -> httpx.Response:
        path = quote(source or self.source.name, safe="")
        return await self.client.post(f"/webhooks/{path}", content=content, headers=headers)

    async def set(self, **values: object) -> None:
        await self.vendor.db.write(lambda session: session.connection().execute(update(Source).values(values)).close())

    async def refused(self) -> list[tuple[int, str, str | None]]:
        found = await self.vendor.db.read(lambda session: refused_deliveries(session, self.source.id))
        return [(one.status, one.code, one.field) for one in found]

    async def events(self) -> list[Event]:
        asked = select(Event).where(col(Event.kind) == "webhook").order_by(col(Event.id))
        return await self.vendor.db.read(lambda session: list(session.exec(asked)))

    async def completion(self, step: str = "kickoff") -> dict[str, Any] | None:
        async with self.vendor.caller() as caller:
            answer = await caller.get("/accounts/aoba/checklists/first-30-days")
        steps = {one["key"]: one["completion"] for one in answer.json()["steps"]}
        found: dict[str, Any] | None = steps[step]
        return found


@pytest.fixture
async def sender(db: Database) -> AsyncIterator[Sender]:
    async with vendor_on(db) as vendor, vendor.caller(None) as client:
        secrets = vendor.app.state.site.secrets
        source = await db.write(lambda session: add_source(session, secrets, name="会計 a/b", now=NOW))
        yield Sender(vendor, client, source, secrets)


async def test_a_step_is_completed(sender: Sender) -> None:
    answer = await sender.send(webhook_id="msg_1")
    assert (answer.status_code, answer.json()) == (202, {"success": True, "duplicate": False})
    done = await sender.completion()
    assert done is not None
    assert (done["how"], done["by"], done["at"]) == ("webhook", "会計 a/b", "2026-06-03T01:00:00Z")
    [event] = await sender.events()
    assert (event.kind, event.name, event.message_id) == ("webhook", "step.completed", "msg_1")


@one_engine
async def test_a_members_part_is_completed(sender: Sender) -> None:
    answer = await sender.send(data={**STEP, "step": "profile", "member": "u-tanaka"})
    assert answer.status_code == 202, answer.text
    [event] = await sender.events()
    assert event.member_id is not None


async def test_the_same_delivery_again_changes_nothing(sender: Sender) -> None:
    await sender.send(webhook_id="msg_1")
    async with sender.vendor.caller() as caller:
        await caller.delete("/accounts/aoba/checklists/first-30-days/steps/kickoff/completion")
    again = await sender.send(webhook_id="msg_1")
    assert (again.status_code, again.json()) == (202, {"success": True, "duplicate": True})
    assert await sender.completion() is None
    assert len(await sender.events()) == 1


@one_engine
async def test_what_is_told_late_does_not_undo_an_undoing(sender: Sender) -> None:
    await sender.send()
    sender.vendor.clock.now += timedelta(hours=1)
    async with sender.vendor.caller() as caller:
        await caller.delete("/accounts/aoba/checklists/first-30-days/steps/kickoff/completion")
    late = {"type": "step.completed", "timestamp": NOW.isoformat(), "data": STEP}
    assert (await sender.send(body=json.dumps(late).encode())).status_code == 202
    assert await sender.completion() is None
    sender.vendor.clock.now += timedelta(hours=1)
    await sender.send()
    assert await sender.completion() is not None


async def test_any_other_type_is_an_event_of_that_name(sender: Sender) -> None:
    data = {"account": "aoba", "member": "u-tanaka", "total": 12_000}
    assert (await sender.send("invoice.paid", data, webhook_id="msg_1")).status_code == 202
    assert (await sender.send("invoice.paid", data, webhook_id="msg_1")).json()["duplicate"] is True
    assert (await sender.send("nobody.in.particular", {"x": 1})).status_code == 202
    assert (await sender.send("of.somebody.new", {"account": "new", "member": "u1"})).status_code == 202
    async with sender.vendor.caller() as caller:
        shown = (await caller.get("/events", params={"source": "会計 a/b"})).json()["events"]
    assert [(one["event"], one["account"], one["member"], one["properties"]) for one in reversed(shown)] == [
        ("invoice.paid", "aoba", "u-tanaka", {"total": 12_000}),
        ("nobody.in.particular", None, None, {"x": 1}),
        ("of.somebody.new", "new", "u1", {}),
    ]


NOT_TAKEN: list[tuple[object, object, str, str]] = [
    ("step.completed", {**STEP, "account": "nobody"}, "data/account", "unknown_account"),
    ("step.completed", {"checklist": "first-30-days", "step": "kickoff"}, "data/account", "unknown_account"),
    ("step.completed", {**STEP, "member": "nobody"}, "data/member", "unknown_member"),
    ("step.completed", {**STEP, "checklist": "nothing"}, "data/checklist", "unknown_checklist"),
    ("step.completed", {"account": "aoba", "step": "kickoff"}, "data/checklist", "missing"),
    ("step.completed", {**STEP, "step": "nothing"}, "data/step", "unknown_step"),
    ("step.completed", {**STEP, "step": 7}, "data/step", "missing"),
    ("tutorial.completed", {"account": "aoba"}, "type", "reserved_event"),
    ("portal.signed_in", {"account": "aoba"}, "type", "reserved_event"),
    (None, {"account": "aoba"}, "type", "invalid_event"),
    ("x", [], "data", "not_an_object"),
    ("x", {"account": ["aoba"]}, "data/account", "invalid_group_id"),
    ("x", {"member": {}}, "data/member", "invalid_user_id"),
    ("x", {"note": "a\x00b"}, "data", "invalid_value"),
]


async def test_what_cannot_be_taken_is_told_and_on_record(sender: Sender) -> None:
    for kind, data, place, code in NOT_TAKEN:
        answer = await sender.send(kind, data)
        assert code_of(answer, 422) == "invalid"
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(f"#/{place}", code)]
    on_record = [(422, code, place.replace("/", ".")) for _, _, place, code in reversed(NOT_TAKEN)]
    assert await sender.refused() == on_record
    assert await sender.events() == []


@one_engine
async def test_what_was_refused_may_come_again(sender: Sender) -> None:
    later = {**STEP, "account": "later"}
    assert (await sender.send(data=later, webhook_id="msg_1")).status_code == 422

    async with sender.vendor.caller() as caller:
        await caller.put("/accounts/later", json={"name": "Later", "plan": "pro"})
    assert (await sender.send(data=later, webhook_id="msg_1")).json() == {"success": True, "duplicate": False}


NOT_PROVEN: list[tuple[dict[str, Any], str]] = [
    ({"secret": FORMER}, "bad_signature"),
    ({"webhook_signature": "v1,"}, "bad_signature"),
    ({"webhook_signature": "v1a,AAAA v1,AAAA ,"}, "bad_signature"),
    ({"webhook_id": "msg_1", "webhook_timestamp": "1780448401"}, "bad_signature"),
    ({"body": b"\xff"}, "bad_signature"),
    ({"late": 301}, "stale_timestamp"),
    ({"late": -301}, "stale_timestamp"),
    ({"webhook_timestamp": "soon"}, "stale_timestamp"),
    ({"webhook_timestamp": "9" * 40}, "stale_timestamp"),
]


@one_engine
async def test_who_cannot_prove_it_is_refused_and_on_record(sender: Sender) -> None:
    for options, code in NOT_PROVEN:
        answer = await sender.send(**options)
        assert code_of(answer, 401) == code
        assert answer.headers["www-authenticate"].startswith("Standard-Webhooks")
    assert await sender.refused() == [(401, code, None) for _, code in reversed(NOT_PROVEN)]
    assert await sender.events() == []


@one_engine
async def test_clocks_may_differ_by_five_minutes(sender: Sender) -> None:
    assert [(await sender.send(late=late)).status_code for late in (300, -300, 0)] == [202] * 3


@one_engine
async def test_each_header_is_needed(sender: Sender) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": "v1,AAAA"}
    for name in headers:
        without = {key: value for key, value in headers.items() if key != name}
        assert code_of(await sender.post(b"{}", without), 401) == "missing_headers"


@one_engine
async def test_while_secrets_rotate_two_are_good(sender: Sender) -> None:
    until = NOW + timedelta(minutes=1)
    await sender.set(previous_webhook_secret=sender.secrets.encrypt(FORMER), previous_webhook_secret_until=until)
    assert (await sender.send(secret=FORMER)).status_code == 202
    assert (await sender.send()).status_code == 202
    sender.vendor.clock.now = until
    assert (await sender.send(secret=FORMER)).status_code == 401
    assert (await sender.send()).status_code == 202


@one_engine
async def test_one_good_signature_of_several_is_enough(sender: Sender) -> None:
    body = json.dumps({"type": "x", "data": {"account": "aoba"}}).encode()
    signed = [Webhook(secret).sign("m", NOW, body.decode()) for secret in (FORMER, sender.source.webhook_secret)]
    answer = await sender.send(body=body, webhook_id="m", webhook_signature=" ".join(signed))
    assert answer.status_code == 202


@one_engine
async def test_a_packed_body_is_signed_as_it_is_sent(sender: Sender) -> None:
    packed = gzip.compress(json.dumps({"type": "x", "data": {}}).encode())
    assert code_of(await sender.send(body=packed), 401) == "bad_signature", "signatures are over text"


NO_BODY: list[tuple[bytes, int, str]] = [
    (b"{", 400, "malformed"),
    (b"[]", 400, "malformed"),
    (b" " * 512_001, 413, "too_large"),
    (json.dumps({"type": "x", "data": {"text": "x" * 40_000}}).encode(), 413, "too_large"),
]


@one_engine
async def test_a_body_that_is_none(sender: Sender) -> None:
    for body, status, code in NO_BODY:
        assert code_of(await sender.send(body=body), status) == code
    assert await sender.refused() == [(status, code, None) for _, status, code in reversed(NO_BODY)]


@one_engine
async def test_a_source_that_is_none(sender: Sender) -> None:
    for name in ("nobody", "portal", "会計"):
        assert code_of(await sender.send(source=name), 404) == "not_found"


@one_engine
async def test_a_revoked_source_takes_nothing(sender: Sender) -> None:
    await sender.set(revoked_at=NOW)
    assert code_of(await sender.send(), 404) == "not_found"


# --- senders that cannot sign -----------------------------------------------------------------------------------------


@one_engine
async def test_a_sender_that_cannot_sign_shows_the_secret(sender: Sender) -> None:
    await sender.set(webhook_auth="bearer")
    body = json.dumps({"type": "step.completed", "timestamp": NOW.isoformat(), "data": STEP}).encode()
    shown = {"authorization": f"Bearer {sender.source.webhook_secret}"}
    answers = [(await sender.post(body, shown)).json() for _ in range(2)]
    assert [answer["duplicate"] for answer in answers] == [False, True], "it says when: the same again is the same"
    named = [await sender.post(b'{"type": "x", "data": {}}', {**shown, "webhook-id": "m"}) for _ in range(2)]
    assert [answer.json()["duplicate"] for answer in named] == [False, True]
    unnamed = [await sender.post(b'{"type": "x", "data": {}}', shown) for _ in range(2)]
    assert [answer.json()["duplicate"] for answer in unnamed] == [False, False]


@one_engine
async def test_nothing_else_is_the_secret(sender: Sender) -> None:
    await sender.set(webhook_auth="bearer")
    tokens = ["", "whsec_wrong", sender.source.public_key, sender.source.write_key, sender.source.signing_secret]
    for token in tokens:
        assert code_of(await sender.send(authorization=f"Bearer {token}"), 401) == "bad_token"
    assert await sender.refused() == [(401, "bad_token", None)] * len(tokens)


@one_engine
async def test_where_signatures_are_asked_for_a_token_is_none(sender: Sender) -> None:
    shown = {"authorization": f"Bearer {sender.source.webhook_secret}"}
    assert code_of(await sender.post(b'{"type": "x", "data": {}}', shown), 401) == "missing_headers"


# --- the record of refusals -------------------------------------------------------------------------------------------


async def test_only_the_last_refusals_are_kept(sender: Sender) -> None:
    other = await sender.vendor.db.write(lambda session: add_source(session, sender.secrets, name="b", now=NOW))

    def refuse(session: Session) -> None:
        note_refused(session, other.id, Refused(NOW, 401, "bad_signature"))
        for number in range(KEPT + 3):
            note_refused(session, sender.source.id, Refused(NOW, 422, "x", webhook_id=f"m{number}"))

    await sender.vendor.db.write(refuse)
    kept = await sender.vendor.db.read(lambda session: refused_deliveries(session, sender.source.id))
    assert [one.webhook_id for one in kept] == [f"m{number}" for number in range(KEPT + 2, 2, -1)]
    assert len(await sender.vendor.db.read(lambda session: refused_deliveries(session, other.id))) == 1


@one_engine
async def test_a_flood_of_strangers_fills_no_disk(sender: Sender) -> None:
    for _ in range(100):
        assert (await sender.post(b"{}", {"webhook-signature": "v1,x"})).status_code == 401
    assert len(await sender.refused()) < 100


async def test_whatever_a_stranger_claims_can_be_stored(sender: Sender) -> None:
    body = json.dumps({"type": "x\x00\ud83d" + "y" * 300, "data": {}}).encode()
    assert (await sender.send(body=body)).status_code == 422
    [one] = await sender.vendor.db.read(lambda session: refused_deliveries(session, sender.source.id))
    assert (one.status, one.webhook_id, len(one.type or "")) == (422, "msg_1", 200)


@one_engine
async def test_the_account_of_a_step_is_the_one_that_was_named(sender: Sender) -> None:
    await sender.send(data={**STEP, "account": "midori"})
    [event] = await sender.events()
    assert event.account_id == await sender.vendor.db.read(lambda session: account_of(session, "midori"))
    assert await sender.completion() is None
