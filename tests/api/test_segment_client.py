"""Segment's own Python client, unmodified, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from segment.analytics.client import Client

from portal.events.sources import add_source
from portal.kit.clock import utcnow
from portal.kit.db import Database, open_database
from tests.api.conftest import SECRETS
from tests.portal.events.conftest import look
from tests.postgres import free_port

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def address(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A server on `database_url`, ready, and gone after the test."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1"]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "tests.api.serving:app"],
            cwd=ROOT,
            env={**os.environ, "SERVED_DATABASE_URL": database_url},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/api/openapi.json", server)
        yield f"http://127.0.0.1:{port}/api"
    finally:
        server.terminate()
        server.wait(20)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(httpx.TransportError):
                if client.get(url).status_code == 200:
                    return
    raise AssertionError("the server did not get ready")


@pytest.mark.parametrize("options", [{}, {"gzip": True}, {"sync_mode": True}], ids=["queued", "gzip", "at once"])
async def test_the_client_delivers_all_it_can_say(
    db: Database, database_url: str, address: str, options: dict[str, Any]
) -> None:
    source = await db.write(lambda session: add_source(session, SECRETS, name="app", now=utcnow()))
    failures: list[object] = []
    client = Client(source.write_key, host=address, on_error=lambda error, items: failures.append(error), **options)
    client.identify("u1", {"name": "早川 美咲", "email": "misaki@acme.example"})
    client.group("u1", "acme", {"name": "株式会社アクメ", "plan": "pro"})
    for number in range(150):
        client.track("u1", "invoice.sent", {"number": number}, message_id=f"m{number % 140}")
    client.page("u1", "Docs", "Pricing")
    client.screen("u1", name="Home")
    client.alias("a1", "u1")
    client.flush()
    if not options.get("sync_mode"):
        client.join()
    assert failures == []

    reader = open_database(database_url)
    try:
        seen = await reader.read(look)
    finally:
        await reader.close()
    account, member = seen.accounts["acme"], seen.members["acme", "u1"]
    assert (account.name, account.plan_key, member.name) == ("株式会社アクメ", "pro", "早川 美咲")
    assert {name: count for _, name, _, _, count, _, _ in seen.days} == {"invoice.sent": 140, "page": 1, "screen": 1}
    assert {owner[1:] for owner in seen.owners} == {("acme", "u1")}
