"""Sources and keys as staff see them: what arrives and what does not, keys shown once, nothing revoked by a slip."""

from __future__ import annotations

import re
from datetime import timedelta

import orjson
import pytest

from portal.accounts.keys import find_api_key
from portal.events.sources import source_of_write_key
from tests.factories import NOW
from tests.portal.integrations.conftest import Connected

KEYS = re.compile(r"\b(?:pk|wk|ws|whsec|ak)_[A-Za-z0-9_+/=-]{20,}")
PAGES = ("", "/install", "/catalog", "/settings")
# What they read is proved on both databases in tests/portal/events, and by test_every_page; here it is about people.
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


async def test_what_arrives_is_shown_with_what_became_of_it(connected: Connected) -> None:
    async with connected.staff() as client:
        page = (await client.get(connected.base)).text
        only = (await client.get(f"{connected.base}?event=opened")).text
        nothing = (await client.get(f"{connected.base}?account=nobody")).text
    assert "invoice.sent" in page
    assert "Duplicate" in page
    assert "waits until an identify or group" in page
    assert "&lt;b&gt;" in page
    assert "<i>" not in page
    assert "invoice.sent" not in only
    assert "Nothing fits" in nothing


async def test_a_rule_that_waits_for_what_nobody_sends_is_warned_of(connected: Connected) -> None:
    async with connected.staff() as client:
        catalogue = (await client.get(f"{connected.base}/catalog")).text
        sources = (await client.get("/staff/sources")).text
    for page in (catalogue, sources):
        warned = page[page.index("Used in a rule, but never seen") :]
        assert "member.invited" in warned
        assert "step “Invite three members”" in warned
    assert "number" in catalogue
    await connected.vendor.happen("member.invited")  # of the portal itself: it is no source's
    async with connected.staff() as client:
        assert "never seen" in (await client.get("/staff/sources")).text


async def test_only_owners_see_keys(connected: Connected) -> None:
    async with connected.staff() as client:
        for page in PAGES:
            answer = await client.get(connected.base + page)
            assert answer.status_code == 200
            assert KEYS.findall(answer.text) == []
        forbidden = [
            await client.get("/staff/keys"),
            await client.get(f"{connected.base}/revoke"),
            await client.get(f"{connected.base}/events.jsonl"),
        ]
        paths = (
            "/staff/sources",
            "/staff/keys",
            f"{connected.base}/revoke",
            f"{connected.base}/settings",
            f"{connected.base}/keys/write-key",
            f"{connected.base}/keys/write-key/revoke",
        )
        page = "/staff/accounts/aoba"
        forbidden += [await connected.vendor.post(client, page, path, name="x") for path in paths]
        assert [answer.status_code for answer in forbidden] == [403] * len(forbidden)
    async with connected.owner() as client:
        assert connected.source.public_key in (await client.get(f"{connected.base}/install")).text


async def test_a_new_source_shows_its_keys_once(connected: Connected) -> None:
    async with connected.owner() as client:
        answer = await connected.vendor.post(
            client, "/staff/sources", "/staff/sources", name="crm", origins="https://crm.example\n\n"
        )
        shown = {key.split("_")[0] for key in KEYS.findall(answer.text)}
        again = await client.get("/staff/sources")
        taken = await connected.vendor.post(client, "/staff/sources", "/staff/sources", name="crm", origins="nonsense")
    assert shown == {"pk", "wk", "ws", "whsec"}
    assert answer.headers["cache-control"] == "private, no-store"
    assert KEYS.findall(again.text) == []
    assert taken.status_code == 422
    assert "“nonsense” is not an origin" in taken.text
    assert 'value="crm"' in taken.text


async def test_a_key_rotates_and_the_old_one_is_taken_back(connected: Connected) -> None:
    vendor, settings = connected.vendor, f"{connected.base}/settings"
    async with connected.owner() as client:
        answer = await vendor.post(client, settings, f"{connected.base}/keys/write-key", hours="5")
        (fresh,) = KEYS.findall(answer.text)
        assert "two count until" in (await client.get(settings)).text

        async def honoured() -> list[bool]:
            keys = (connected.source.write_key, fresh)
            found = await vendor.db.read(lambda session: [source_of_write_key(session, key, now=NOW) for key in keys])
            return [one is not None for one in found]

        assert await honoured() == [True, True]
        asked = await client.get(f"{connected.base}/keys/write-key/revoke")
        assert "Servers that still use the old write key" in asked.text
        assert await honoured() == [True, True]
        await vendor.post(client, f"{connected.base}/keys/write-key/revoke", f"{connected.base}/keys/write-key/revoke")
        assert await honoured() == [False, True]
        too_long = await vendor.post(client, settings, f"{connected.base}/keys/write-key", hours="9999")
        assert too_long.headers["location"] == settings
        unknown = await vendor.post(client, settings, f"{connected.base}/keys/public-key")
        assert unknown.status_code == 404


async def test_settings_are_taken_whole_or_not_at_all(connected: Connected) -> None:
    vendor, path = connected.vendor, f"{connected.base}/settings"
    async with connected.owner() as client:
        wrong = await vendor.post(
            client, path, path, name="renamed", origins="nonsense", months="2", proof="word", limit="-1"
        )
        assert wrong.status_code == 422
        assert "not an origin" in wrong.text
        assert "3 to 120 months" in wrong.text
        assert "by signature or bearer" in wrong.text
        assert "from 0 to 1,000,000" in wrong.text
        assert "renamed" not in (await client.get("/staff/sources")).text
        told = {"name": "renamed", "origins": "https://x.example", "months": "13", "proof": "bearer", "limit": "700"}
        right = await vendor.post(client, path, path, **told)
        assert right.headers["location"] == path
        page = (await client.get(path)).text
        assert '<option value="bearer" selected>' in page
        assert 'value="700"' in page
        assert "renamed" in (await client.get("/staff/sources")).text


async def test_revoking_says_what_stops_and_then_stops_it(connected: Connected) -> None:
    vendor, path = connected.vendor, f"{connected.base}/revoke"
    async with connected.owner() as client:
        assert "answered 401" in (await client.get(path)).text
        await vendor.post(client, path, path)
        page = (await client.get(f"{connected.base}/settings")).text
    assert "This source is revoked" in page
    assert "/keys/write-key" not in page
    key = connected.source.write_key
    assert await vendor.db.read(lambda session: source_of_write_key(session, key, now=NOW)) is None


async def test_api_keys_are_made_shown_once_and_revoked(connected: Connected) -> None:
    vendor, path = connected.vendor, "/staff/keys"
    async with connected.owner() as client:
        answer = await vendor.post(client, path, path, name="report", scope="read")
        (secret,) = KEYS.findall(answer.text)
        twice = await vendor.post(client, path, path, name="report", scope="write")
        empty = await vendor.post(client, path, path, name=" ", scope="write")
        assert (twice.status_code, empty.status_code) == (409, 422)
        listed = (await client.get(path)).text
        assert secret not in listed
        assert secret[-4:] in listed
        found = await vendor.db.read(lambda session: find_api_key(session, secret))
        assert found is not None
        revoking = f"{path}/{found.id}/revoke"
        assert "It was never used." in (await client.get(revoking)).text
        await vendor.post(client, revoking, revoking)
        assert await vendor.db.read(lambda session: find_api_key(session, secret)) is None
        assert (await client.get(f"{path}/999/revoke")).status_code == 404


async def test_raw_events_are_downloaded_as_lines(connected: Connected) -> None:
    async with connected.owner() as client:
        answer = await client.get(f"{connected.base}/events.jsonl")
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="events-product.jsonl"')
    assert [(one["event"], one["account"], one["member"]) for one in lines] == [
        ("invoice.sent", "aoba", "u-tanaka"),
        ("opened", None, None),
    ]


@pytest.mark.parametrize("path", ["/staff/sources/999", "/staff/sources/99999999999", "/staff/members/999"])
async def test_what_is_not_there_is_a_404(connected: Connected, path: str) -> None:
    async with connected.owner() as client:
        assert (await client.get(path)).status_code == 404


async def test_a_person_is_given_out_and_erased_by_an_owner_who_means_it(connected: Connected) -> None:
    vendor = connected.vendor
    async with connected.owner() as client:
        account = (await client.get("/staff/accounts/aoba")).text
        place = re.search(r'/staff/members/(\d+)"[^>]*>Personal data<span[^>]*> of 田中 美咲', account)
        assert place
        path = f"/staff/members/{place[1]}"
        told = (await client.get(f"{path}/export.json")).json()
        assert told["profile"]["email"] == "tanaka@aoba.example"
        wrong = await vendor.post(client, path, f"{path}/erase", typed="u-suzuki", reason="")
        assert wrong.status_code == 422
        assert "Type “u-tanaka” exactly" in wrong.text
        assert "Say why" in wrong.text
        done = await vendor.post(client, path, f"{path}/erase", typed=" u-tanaka ", reason="asked by mail")
        assert done.headers["location"] == "/staff/accounts/aoba"
        after = (await client.get("/staff/accounts/aoba")).text
        assert "tanaka@aoba.example" not in after
        assert "asked by mail" in after
        assert (await client.get(path)).status_code == 404
    async with vendor.browser("tanaka") as gone:
        assert (await gone.get("/")).status_code == 303


async def test_who_is_no_owner_can_neither_take_nor_erase_a_person(connected: Connected) -> None:
    async with connected.staff() as client:
        page = await client.get("/staff/members/1")
        assert "Only an owner can export or erase" in page.text
        assert (await client.get("/staff/members/1/export.json")).status_code == 403
        answer = await connected.vendor.post(
            client, "/staff/accounts/aoba", "/staff/members/1/erase", typed="u-admin", reason="x"
        )
        assert answer.status_code == 403


async def test_a_source_that_falls_silent_is_told(connected: Connected) -> None:
    from portal.events import rotation

    def silence(session: object) -> None:
        source = rotation.source_of(session, connected.source.id)  # type: ignore[arg-type]
        source.last_seen_at = NOW - timedelta(days=3)

    await connected.vendor.db.write(silence)
    async with connected.staff() as client:
        assert "Quiet" in (await client.get("/staff/sources")).text
