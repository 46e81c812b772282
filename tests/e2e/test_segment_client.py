"""A vendor that has nothing but Segment's Python client: it alone brings the customer, its people and a ticked step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from segment.analytics.client import Client

from portal.kit.clock import utcnow
from tests.server import Server

CHECKLIST = """\
key: start
title: Start
audience: {plan: [pro]}
due: 30d
steps:
  - {key: invite, title: Invite, done_when: {event: member.invited, at_least: 2}}
  - {key: login, title: Everyone logs in, scope: every_member, done_when: {event: login}}
"""


def test_the_client_alone_onboards_a_customer(make_server: Callable[..., Server]) -> None:
    server = make_server()
    checklists = server.directory / "library" / "content" / "checklists"
    checklists.mkdir(parents=True)
    (checklists / "start.yml").write_text(CHECKLIST)
    server.banso("migrate")
    server.banso("publish", "library")
    write_key = value(server.banso("source", "add", "app"), "write key")
    api_key = value(server.banso("key", "add", "reader"), "API key")
    server.start()

    failures: list[object] = []
    client = Client(write_key, host=f"{server.url}/api", on_error=lambda error, _: failures.append(error))
    for user in ("u1", "u2"):
        client.identify(user, {"name": f"User {user}", "email": f"{user}@acme.example", "created_at": utcnow()})
        client.group(user, "acme", {"name": "Acme", "plan": "pro", "created_at": utcnow()})
    client.track("u1", "member.invited", message_id="once")
    client.track("u1", "member.invited", message_id="once")
    client.track("u1", "member.invited", message_id="and once more")
    client.track("u1", "login")
    client.flush()
    client.join()
    assert failures == []

    state = checklist(server, api_key, "acme")
    assert state["progress"] == {"done": 1, "total": 2}
    assert [step["done"] for step in state["steps"]] == [True, False]
    completion = state["steps"][0]["completion"]
    assert (completion["how"], completion["evidence"]["count"]) == ("event", 2)

    late = Client(write_key, host=f"{server.url}/api", sync_mode=True)
    late.track("u2", "login")
    assert checklist(server, api_key, "acme")["status"] == "completed"


def checklist(server: Server, api_key: str, account: str) -> dict[str, Any]:
    """Where the account stands, by the machine interface."""
    url = f"{server.url}/api/v1/accounts/{account}/checklists/start"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {api_key}"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def value(printed: str, label: str) -> str:
    """What a command printed after `label: `."""
    return next(line.partition(": ")[2] for line in printed.splitlines() if line.startswith(f"{label}: "))
