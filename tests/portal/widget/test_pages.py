"""The door a ticket opens, the script for everybody, and the staff's page."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portal.accounts.roles import ROLES
from portal.kit.clock import local_day
from portal.kit.paths import bundled
from portal.widget.meter import Meter, traffic_of
from tests.factories import make_staff, sign_in_as
from tests.library import TOKYO, browser, csrf_in
from tests.widget_vendor import PAGE, Product, door_of

BUDGET = 15 * 1024


async def minted(product: Product, **body: str) -> str:
    """The path of a fresh ticket's address."""
    async with product.page() as page:
        answer = await page.post("/ticket", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"]).removeprefix("http://portal.example")


async def test_a_ticket_lets_its_member_in_once(product: Product) -> None:
    path = await minted(product, next="/checklists/first-30-days")
    async with product.vendor.browser() as stranger:
        entered = await stranger.get(path)
        assert (entered.status_code, entered.headers["location"]) == (303, "/checklists/first-30-days")
        assert entered.headers["referrer-policy"] == "no-referrer"
        assert "httponly" in entered.headers["set-cookie"].lower()
        assert "田中 美咲" in (await stranger.get("/checklists/first-30-days")).text
    async with product.vendor.browser() as second:
        used = await second.get(path)
        assert used.status_code == 410
        assert "set-cookie" not in used.headers or "banso=" not in used.headers["set-cookie"]


async def test_a_ticket_lasts_a_minute(product: Product) -> None:
    path = await minted(product)
    product.vendor.clock.now += timedelta(seconds=60)
    async with product.vendor.browser() as stranger:
        assert (await stranger.get(path)).status_code == 410


@pytest.mark.parametrize("onward", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-out"])
async def test_a_ticket_leads_nowhere_else(product: Product, onward: str) -> None:
    path = await minted(product, next=onward)
    async with product.vendor.browser() as stranger:
        assert (await stranger.get(path)).headers["location"] == "/"


async def test_looking_ahead_uses_no_ticket_up(product: Product) -> None:
    path = await minted(product)
    async with product.vendor.browser() as stranger:
        for headers in ({"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}):
            assert (await stranger.get(path, headers=headers)).status_code == 503
        assert (await stranger.head(path)).status_code == 503
        assert (await stranger.get(path)).status_code == 303


async def test_nobody_becomes_somebody_else_behind_their_back(product: Product) -> None:
    path = await minted(product)
    ticket = parse_qs(urlsplit(path).query)["ticket"][0]
    async with product.vendor.browser("staff") as staff:
        asked = await staff.get(path)
        assert asked.status_code == 200
        assert "ほかの方がサインイン中です" in asked.text
        forged = await staff.post("/enter", data={"ticket": ticket})
        assert forged.status_code == 403
        changed = await staff.post("/enter", data={"ticket": ticket, "csrf": csrf_in(asked)})
        assert changed.status_code == 303
    async with product.vendor.browser("tanaka") as same:
        again = await minted(product, next="/me")
        assert (await same.get(again)).headers["location"] == "/me"


async def test_the_products_server_can_mint_one(product: Product) -> None:
    path = "/accounts/aoba/members/u-tanaka/ticket"
    async with product.vendor.caller() as server, product.vendor.caller("read") as reader:
        answer = await server.post(path, json={"next": "/manuals"})
        assert answer.status_code == 201, answer.text
        assert (await reader.post(path)).status_code == 403
        assert (await server.post("/accounts/midori/members/u-tanaka/ticket")).status_code == 404
        assert (await server.post(path, json={"to": "/"})).status_code == 422
    async with product.vendor.browser() as stranger:
        entered = await stranger.get(answer.json()["url"].removeprefix("http://portal.example"))
        assert entered.headers["location"] == "/manuals"


# --- the script -------------------------------------------------------------------------------------------------------


def test_the_widget_keeps_to_its_size() -> None:
    (script,) = bundled("static", "dist").glob("banso-*.js")
    assert len(gzip.compress(script.read_bytes(), 9)) <= BUDGET
    source = script.read_text(encoding="utf-8")
    for forbidden in ("innerHTML", "eval(", "new Function", "document.write", "localStorage", "document.cookie"):
        assert forbidden not in source


async def test_the_script_is_for_pages_of_everybody(product: Product) -> None:
    async with product.vendor.browser() as page:
        script = await page.get("/widget/banso.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert script.headers["content-encoding"] == "gzip"
        assert script.headers["cross-origin-resource-policy"] == "cross-origin"
        assert script.headers["access-control-allow-origin"] == "*"
        assert "max-age=300" in script.headers["cache-control"]
        assert "set-cookie" not in script.headers
        plain = await page.get("/widget/banso.js", headers={"accept-encoding": "identity"})
        assert plain.content == script.content
        same = await page.get("/widget/banso.js", headers={"if-none-match": script.headers["etag"]})
        assert same.status_code == 304
        types = await page.get("/widget/banso.d.ts")
        assert "interface BansoApi" in types.text
        assert (await page.get("/widget/other.js")).status_code == 404


# --- the staff's page -------------------------------------------------------------------------------------------------


async def colleague(product: Product, role: str = "owner") -> httpx.AsyncClient:
    now = product.vendor.clock()
    token = await product.vendor.db.write(lambda session: sign_in_as(session, make_staff(session, role=role), now=now))
    return browser(product.vendor.app, token)


async def test_staff_see_whether_it_is_in(product: Product) -> None:
    meter: Meter = door_of(product.vendor).state.meter
    async with await colleague(product) as staff, product.page() as page, product.page(token="x.y.z") as wrong:
        before = await staff.get("/staff/widget")
        assert "まだ見ていません" in before.text
        assert f"key: &#34;{product.source.public_key}&#34;" in before.text
        await page.get("/state")
        await page.get("/state")
        await wrong.get("/state")
        await meter.flush()
        product.vendor.clock.now += timedelta(minutes=2)
        after = await staff.get("/staff/widget")
        assert PAGE in after.text
        assert "2分前に表示" in after.text
        assert "66.7%" in after.text
        today = local_day(product.vendor.clock(), TOKYO)
        found = await product.vendor.db.read(lambda session: traffic_of(session, product.source.id, today=today))
        assert (found.signed, found.unsigned, found.refused) == (2, 0, 1)


async def test_staff_learn_what_is_wrong_with_a_token(product: Product) -> None:
    async with await colleague(product) as staff:
        csrf = csrf_in(await staff.get("/staff/widget"))
        expired = product.token(exp=int(product.vendor.clock().timestamp()) - 60)
        for token, said in (
            (product.token(), "このトークンは有効です"),
            (expired, "トークンの期限が切れています"),
            ("nonsense", "JWT ではありません"),
        ):
            form = {"csrf": csrf, "source": str(product.source.id), "token": token}
            assert said in (await staff.post("/staff/widget/token", data=form)).text
        assert (await staff.post("/staff/widget/token", data={"csrf": csrf, "source": "999"})).status_code == 404


async def test_staff_see_what_somebody_sees_and_why(product: Product) -> None:
    async with await colleague(product) as staff, product.page() as page:
        await page.post("/dismissals", json={"checklist": "first-30-days"})
        tanaka = await staff.get("/staff/widget?account=aoba&member=u-tanaka")
        assert "田中 美咲さんが本人向けに隠しました" in tanaka.text
        admin = await staff.get("/staff/widget?account=aoba&member=u-admin")
        assert "メンバーを3名招待する" in admin.text
        nobody = await staff.get("/staff/widget?account=aoba&member=nobody")
        assert "まだ届いていません" in nobody.text


async def test_a_look_is_saved_where_everybody_can_read_it(product: Product) -> None:
    look = {
        **{"accent": "#0b6e4f", "accent_dark": "#7fd4b4", "radius": "4", "position": "left", "scheme": "light"},
        **{"launcher_ja": "はじめかた", "launcher_en": "Set up"},
    }
    async with await colleague(product) as staff, product.page() as page:
        csrf = csrf_in(await staff.get("/staff/widget"))
        pale = await staff.post("/staff/widget/theme", data={**look, "accent": "#ffe066", "csrf": csrf})
        assert pale.status_code == 422
        assert "コントラスト" in pale.text
        before = await page.get("/state")
        assert (await staff.post("/staff/widget/theme", data={**look, "csrf": csrf})).status_code == 303
        after = await page.get("/state", headers={"if-none-match": before.headers["etag"]})
        theme = after.json()["theme"]
        assert (theme["accent"], theme["position"], theme["launcher"]) == ("#0b6e4f", "left", "はじめかた")
        assert re.search(r'fill="#0b6e4f"', (await staff.get("/staff/widget")).text)


async def test_only_who_connects_systems_gets_in(product: Product) -> None:
    for role in ROLES:
        async with await colleague(product, role) as staff:
            assert (await staff.get("/staff/widget")).status_code == (200 if role == "owner" else 403)
