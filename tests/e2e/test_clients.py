"""The clients that vendors have already, unmodified, against a portal that runs: all of them deliver all they can say.

Segment's Python client is in `tests/api/test_segment_client.py` and in `test_segment_client.py` beside this.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser
from rudderstack.analytics.client import Client as RudderClient

from portal.events.reads import EventFilters, Listed, list_events
from portal.events.sources import add_source
from portal.kit.clock import utcnow
from portal.kit.db import run
from portal.kit.secrets import Secrets
from portal.settings import LOOPBACK_SECRET
from tests.browser import _node
from tests.conftest import OpenPage
from tests.server import Server

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"


class Source:
    """A source of this test's own on the shared portal, and what came by it."""

    def __init__(self, server: Server, *origins: str) -> None:
        self.server = server
        secrets, name = Secrets(LOOPBACK_SECRET), f"client-{uuid4().hex}"
        add = partial(add_source, secrets=secrets, name=name, origins=origins, now=utcnow())
        self.keys = run(server.database_url, add)

    def events(self) -> list[Listed]:
        asked = EventFilters(source_id=self.keys.id)
        found, _ = run(
            self.server.database_url, lambda session: list_events(session, asked, cursor=None, limit=200), write=False
        )
        return found


def run_in_node(script: str, source: Source) -> str:
    """What it printed."""
    ran = subprocess.run(
        [_node(), CLIENTS / script],
        env={**os.environ, "WRITE_KEY": source.keys.write_key, "PORTAL": source.server.url, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def all_was_delivered(source: Source) -> None:
    events = source.events()
    counted = {"page.found": 1, "invoice.sent": 40, "page": 1, "screen": 1}
    assert Counter(event.event for event in events) == counted
    assert {(event.account, event.member) for event in events} == {("acme", "u1")}


@pytest.mark.parametrize("script", ["segment_node.mjs", "rudder_node.mjs"])
def test_on_node(server: Server, script: str) -> None:
    source = Source(server)
    assert run_in_node(script, source) == ""
    all_was_delivered(source)


def test_rudderstack_on_python(server: Server) -> None:
    source = Source(server)
    failures: list[object] = []
    client = RudderClient(
        source.keys.write_key,
        host=f"{server.url}/api",
        on_error=lambda error, _: failures.append(error),
        upload_size=20,
    )
    client.track(anonymous_id="a1", event="page.found")
    client.group("u1", "acme", {"name": "株式会社アクメ", "plan": "pro"})
    client.identify("u1", {"name": "早川 美咲", "email": "misaki@acme.example"}, anonymous_id="a1")
    for number in range(50):
        client.track("u1", "invoice.sent", {"number": number}, message_id=f"m{number % 40}")
    client.page("u1", "Docs", "Pricing")
    client.screen("u1", name="Home")
    client.alias("a2", "u1")
    client.flush()
    client.join()
    assert failures == []
    all_was_delivered(source)


def test_a_refusal_is_final_for_a_client(server: Server) -> None:
    """A client that cannot read an error takes it for a failure of the network, and sends the same ten times."""
    failures: list[Any] = []
    client = RudderClient(
        "wk_nobody", host=f"{server.url}/api", sync_mode=True, on_error=lambda error, _: failures.append(error)
    )
    with pytest.raises(Exception, match="unauthorized") as refused:
        client.track("u1", "invoice.sent")
    assert getattr(refused.value, "status", None) == 401


# --- a browser --------------------------------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    """A web server that says nothing in between."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        pass


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The vendor's product: a page with Segment's client, on an origin of its own."""
    home = tmp_path_factory.mktemp("product")
    entry, esbuild = CLIENTS / "segment_browser.mjs", ROOT / "node_modules" / ".bin" / "esbuild"
    subprocess.run([esbuild, entry, "--bundle", f"--outfile={home / 'client.js'}", "--log-level=error"], check=True)
    (home / "index.html").write_text(
        "<!doctype html><html lang=en><title>Product</title><link rel=icon href=data:,><script src=client.js></script>"
    )
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=home))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()


SAY = """async ([key, host]) => {
  const analytics = window.begin(key, host);
  const sent = [await analytics.track("pricing.seen", {plan: "pro"}), await analytics.page("Pricing")];
  return sent.map((context) => [context.event.type, context.failedDelivery()?.reason?.message ?? null]);
}"""


async def test_in_a_browser(server: Server, product: str, open_page: OpenPage) -> None:
    source = await asyncio.to_thread(Source, server, product)
    page = await open_page(product)
    await page.goto("/")
    async with page.expect_response(f"{server.url}/api/v1/p") as answered:
        said = await page.evaluate(SAY, [source.keys.public_key, f"{server.url.removeprefix('http://')}/api/v1"])
    assert said == [["track", None], ["page", None]]
    assert (await (await answered.value).json())["accepted"] == 1
    events = await asyncio.to_thread(source.events)
    assert {event.event for event in events} == {"pricing.seen", "page"}
    assert {(event.account, event.member) for event in events} == {(None, None)}, "a browser says not who it is"


SEND = """([url, key]) => fetch(url, {
  method: "POST",
  body: JSON.stringify({writeKey: key, event: "x", anonymousId: "a"}),
  headers: {"content-type": "text/plain"},
}).then(() => "read", () => "kept from it")"""


async def test_on_a_page_of_somebody_else(server: Server, product: str, browser: Browser) -> None:
    source = await asyncio.to_thread(Source, server, "https://app.example")
    page = await browser.new_page()  # what `open_page` takes for a fault is what is asked for here
    try:
        await page.goto(product)
        assert await page.evaluate(SEND, [f"{server.url}/api/v1/t", source.keys.public_key]) == "kept from it"
    finally:
        await page.close()
    assert await asyncio.to_thread(source.events) == []
