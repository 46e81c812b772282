"""Nobody holding a public key can change who anybody is; and only the source's own pages may use it at all."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlmodel import select
from starlette.routing import Mount

from portal.accounts.models import Account, Member
from portal.events.models import Alias
from tests.api.conftest import PAGE, SECRETS, Api, code_of
from tests.portal.events.conftest import Seen, look

TRACK: dict[str, Any] = {"type": "track", "event": "login", "userId": "u1", "context": {"groupId": "acme"}}
IDENTIFY: dict[str, Any] = {"type": "identify", "userId": "u1", "traits": {"email": "evil@x.example", "role": "admin"}}
GROUP: dict[str, Any] = {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"plan": "enterprise"}}
ALIAS: dict[str, Any] = {"type": "alias", "userId": "u1", "previousId": "a1"}


async def known(api: Api) -> Seen:
    """One member of one account, as the vendor's server described them."""
    for call, body in (
        ("group", {**GROUP, "traits": {"plan": "starter"}}),
        ("identify", {**IDENTIFY, "traits": {"email": "u1@acme.example", "role": "member"}}),
    ):
        assert (await api.send(call, body)).status_code == 200
    return await api.db.read(look)


def people(seen: Seen) -> tuple[dict[str, Any], dict[Any, Any]]:
    def facts(row: Account | Member) -> dict[str, Any]:
        return {name: value for name, value in row.model_dump().items() if name != "id"}

    return (
        {key: facts(account) for key, account in seen.accounts.items()},
        {key: facts(member) for key, member in seen.members.items()},
    )


@pytest.mark.parametrize("with_token", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        IDENTIFY,
        GROUP,
        ALIAS,
        {**IDENTIFY, "userId": "u2"},
        {**IDENTIFY, "context": {"groupId": "beta"}},
        {**GROUP, "groupId": "beta"},
        {**GROUP, "userId": "u2"},
        {**ALIAS, "userId": "u2"},
        TRACK,
        {**TRACK, "userId": "u2"},
        {**TRACK, "context": {"groupId": "beta", "traits": {"plan": "pro"}}},
        {"type": "page", "userId": "u9", "name": "x"},
        {"type": "screen", "userId": "u9", "context": {"groupId": "beta"}},
    ],
)
async def test_a_public_key_changes_nobody(api: Api, message: dict[str, Any], with_token: bool) -> None:
    before = people(await known(api))
    token = api.token() if with_token else ""
    for call, body in ((message["type"], message), ("batch", {"batch": [message, TRACK]})):
        await api.browse(call, body, token)
        assert people(await api.db.read(look)) == before


@pytest.mark.parametrize("message", [IDENTIFY, GROUP, ALIAS])
async def test_saying_who_one_is_needs_a_token(api: Api, message: dict[str, Any]) -> None:
    assert code_of(await api.browse(message["type"], message), 403) == "forbidden"
    assert code_of(await api.browse("batch", {"batch": [message, message]}), 403) == "forbidden"
    mixed = await api.browse("batch", {"batch": [message, TRACK]})
    assert mixed.status_code == 200
    assert (mixed.json()["accepted"], mixed.json()["rejected"][0]["code"]) == (1, "forbidden")


async def test_without_a_token_an_event_is_nobodys(api: Api) -> None:
    await known(api)
    assert (await api.browse("track", {**TRACK, "anonymousId": "a1"})).json()["accepted"] == 1
    assert [(one["account"], one["member"]) for one in await api.events()] == [(None, None)]
    await api.send("group", GROUP)
    await api.send("track", {**TRACK, "messageId": "later"})
    assert {(one["account"], one["message_id"] == "later") for one in await api.events()} == {
        (None, False),
        ("acme", True),
    }, "what a browser claimed is not believed later either"


async def test_with_a_token_an_event_is_its_persons(api: Api) -> None:
    answer = await api.browse("track", {"event": "login", "anonymousId": "a1"}, api.token())
    assert answer.json()["accepted"] == 1
    assert [(one["account"], one["member"]) for one in await api.events()] == [("acme", "u1")]


async def test_with_a_token_the_signers_traits_count(api: Api) -> None:
    token = api.token(name="早川 美咲", email="misaki@acme.example", role="admin", locale="ja")
    assert (await api.browse("identify", IDENTIFY, token)).status_code == 200
    assert (await api.browse("group", GROUP, token)).status_code == 200
    seen = await api.db.read(look)
    member = seen.members["acme", "u1"]
    assert (member.name, member.email, member.role, member.locale) == (
        "早川 美咲",
        "misaki@acme.example",
        "admin",
        "ja",
    )
    assert seen.accounts["acme"].plan_key is None


@pytest.mark.parametrize(
    "message", [{**TRACK, "userId": "u2"}, {**IDENTIFY, "userId": "u2"}, {**GROUP, "groupId": "beta"}]
)
async def test_a_token_is_good_for_its_person_only(api: Api, message: dict[str, Any]) -> None:
    assert code_of(await api.browse(message["type"], message, api.token()), 403) == "identity_mismatch"


def calls(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every call of the machine door, its path filled in."""
    filled = {"account": "acme", "member": "u1", "key": "start", "step": "kickoff", "source": "app"}
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), re.sub(r"\{(\w+)\}", lambda found: filled.get(found[1], "x"), path)


async def test_no_call_lets_a_public_key_change_who_anybody_is(api: Api) -> None:
    """Wherever the key is shown and whatever is said with it, whether the page has a token or not."""
    await known(api)
    await api.send("track", {**TRACK, "userId": None, "anonymousId": "a1"})
    door = next(route.app for route in api.app.routes if isinstance(route, Mount))
    assert isinstance(door, FastAPI)
    # A stream only tells, and its answer ends with the token.
    every = sorted(call for call in set(calls(door)) if not call[1].endswith("/stream"))
    assert len(every) > 20
    before = people(await api.db.read(look))
    key, token = api.source.public_key, api.token()
    body: dict[str, Any] = {
        **{**ALIAS, **IDENTIFY, **GROUP, "userId": "u1", "anonymousId": "a1", "previousId": "a1"},
        **{"writeKey": key, "event": "login", "batch": [IDENTIFY, GROUP, ALIAS, {**IDENTIFY, "anonymousId": "a1"}]},
        **{"email": "evil@x.example", "role": "admin", "name": "Evil", "plan": "enterprise", "reason": "x"},
        "data": {"account": "acme", "member": "u1", "checklist": "start", "step": "kickoff"},
    }
    shown: list[dict[str, str]] = [
        {"banso-key": key},
        {"banso-key": key, "authorization": f"Bearer {token}"},
        {"authorization": f"Bearer {key}"},
        {"authorization": f"Bearer {token}"},
        {"authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"},
    ]
    for method, path in every:
        for headers in shown:
            answer = await api.client.request(method, f"/api{path}", json=body, headers={"origin": PAGE, **headers})
            assert answer.status_code < 500, (method, path)
            assert people(await api.db.read(look)) == before, (method, path, headers)
    assert await api.db.read(lambda session: list(session.exec(select(Alias)))) == []
    owners = (await api.db.read(look)).owners
    assert {owner[1:] for owner in owners if owner[2] is not None} <= {("acme", "u1")}


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"sub": None},
        {"account": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x\x00"},
        {"account": ["acme"]},
        {"account": "a" * 201},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"name": "x\x00"},
        {"name": "n" * 4000},
    ],
)
async def test_a_token_with_odd_claims_is_refused(api: Api, claims: dict[str, Any]) -> None:
    answer = await api.browse("track", TRACK, api.token(**claims))
    assert code_of(answer, 401) == "unauthorized"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert await api.events() == []


@pytest.mark.parametrize(
    ("exp", "status"),
    [(-31, 401), (-29, 200), (86_400, 200), (86_429, 200), (86_431, 401), (10**10, 401)],
)
async def test_how_long_a_token_lives(api: Api, exp: int, status: int) -> None:
    token = api.token(exp=int(api.clock().timestamp()) + exp)
    assert (await api.browse("track", TRACK, token)).status_code == status


@pytest.mark.parametrize(("nbf", "status"), [(29, 200), (31, 401)])
async def test_a_token_from_the_future(api: Api, nbf: int, status: int) -> None:
    token = api.token(nbf=int(api.clock().timestamp()) + nbf)
    assert (await api.browse("track", TRACK, token)).status_code == status


async def test_only_our_algorithm_and_our_secret_count(api: Api) -> None:
    claims = {"sub": "u1", "account": "acme", "exp": int(api.clock().timestamp()) + 600}
    key = OctKey.import_key(api.source.signing_secret.encode())
    none = api.token().split(".")
    forged = [
        api.token(secret="ws_another-secret-that-is-long-enough"),
        jwt.encode({"alg": "HS512"}, claims, key, algorithms=["HS512"]),
        f"eyJhbGciOiJub25lIn0.{none[1]}.",
        f"{none[0]}.{none[1]}.{none[2][:-4]}AAAA",
        api.token(secret=api.source.public_key + "-padded-so-that-it-is-long-enough"),
        "a.b.c",
        "x",
        "eyJhbGciOiJIUzI1NiJ9..",
    ]
    for token in forged:
        assert code_of(await api.browse("track", TRACK, token), 401) == "unauthorized"
    assert (await api.browse("track", TRACK, api.token(header={"kid": "1", "typ": "JWT"}))).status_code == 200


async def test_while_secrets_rotate_two_may_sign(api: Api) -> None:
    former = "ws_the-former-secret-of-this-source"
    values = {
        "previous_signing_secret": SECRETS.encrypt(former),
        "previous_signing_secret_until": api.clock() + timedelta(minutes=5),
    }
    await api.set_source(**values)
    for token in (api.token(), api.token(secret=former)):
        assert (await api.browse("track", TRACK, token)).status_code == 200
    api.clock.forward(minutes=5)
    assert (await api.browse("track", TRACK, api.token())).status_code == 200
    assert code_of(await api.browse("track", TRACK, api.token(secret=former)), 401) == "unauthorized"


async def test_a_token_does_not_make_up_for_a_key(api: Api) -> None:
    headers = {"authorization": f"Bearer {api.token()}"}
    assert code_of(await api.client.post("/api/v1/track", json=TRACK, headers=headers), 401) == "unauthorized"


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_a_page_of_the_source_may_read_the_answer(api: Api) -> None:
    for call, body, status in (("track", TRACK, 200), ("identify", IDENTIFY, 403), ("track", {"event": ""}, 400)):
        answer = await api.browse(call, body)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://app.example", "https://app.example:444", ""]
)
async def test_another_page_may_not_use_the_key(api: Api, origin: str) -> None:
    answer = await api.browse("track", TRACK, origin=origin)
    assert code_of(answer, 403) == "forbidden"
    assert "access-control-allow-origin" not in answer.headers
    assert await api.events() == []


async def test_no_page_may_read_what_a_server_is_answered(api: Api) -> None:
    answer = await api.send("track", TRACK, headers={"origin": PAGE})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [
        ("/api/v1/track", PAGE, 204),
        ("/api/v1/b", PAGE, 204),
        ("/api/v1/track", "https://evil.example", 403),
        ("/api/v1/track", "null", 403),
        ("/api/v1/events", PAGE, 405),
    ],
)
async def test_what_a_browser_asks_first(api: Api, path: str, origin: str, status: int) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    answer = await api.client.options(path, headers=asked)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (PAGE if status == 204 else None)
    if status == 204:
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert {"authorization", "banso-key", "content-type"} <= set(
            answer.headers["access-control-allow-headers"].split(", ")
        )
