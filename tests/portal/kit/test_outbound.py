"""The way out, with real connections: on loopback where it is allowed, and in a network namespace where every address
leads to a listener of the test's own, so that a call that should not be made would arrive."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from portal.kit.addresses import Policy
from portal.kit.outbound import KEPT_BYTES, LARGEST_ANSWER, Answer, Outbound, Refused, Unreachable
from tests.portal.kit.test_addresses import PUBLIC, SPECIAL

ROOT = Path(__file__).parents[3]
HERE = Policy.parse("127.0.0.1")
Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


# --- inside a namespace -----------------------------------------------------------------------------------------------


def called(
    urls: list[str], *, allow: str = "", names: dict[str, list[list[str]]] | None = None, ports: tuple[int, ...] = (80,)
) -> list[dict[str, Any]]:
    told = {"urls": urls, "allow": allow, "names": names or {}, "ports": ports}
    # Who is not root may have a namespace as the root of a user namespace.
    alone = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    ran = subprocess.run(
        [*alone, sys.executable, "-m", "tests.portal.kit.unrouted"],
        input=json.dumps(told),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def url_of(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


def test_no_special_address_is_connected_to_and_every_public_one_is() -> None:
    special = [address for address in SPECIAL if address and not set("[%") & set(address)]
    special.remove("8.8.8.8:80")
    found = called([*map(url_of, special), *map(url_of, PUBLIC)])
    refused, answered = found[: len(special)], found[len(special) :]
    assert [line for line in refused if line["connected"] or line["said"] != "Refused"] == []
    assert {line["said"] for line in answered} == {"204"}
    assert [line["connected"] for line in answered] == [[address] for address in PUBLIC]


def test_other_ways_to_write_an_address_are_the_same_address() -> None:
    written = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost", "127.0.0.1.", "[::ffff:7f00:1]")
    found = called([f"http://{host}/" for host in written])
    assert [line["connected"] for line in found] == [[]] * len(written)
    assert {line["said"] for line in found} <= {"Refused", "Unreachable"}


def test_what_a_name_stands_for_is_judged_and_then_called_whatever_it_stands_for_next() -> None:
    names = {
        "inside.example": [["10.0.0.7"]],
        "mixed.example": [["8.8.8.8", "127.0.0.1"]],
        "changes.example": [["8.8.4.4"], ["169.254.169.254"]],
    }
    urls = ["http://inside.example/", "http://mixed.example/", "http://changes.example/", "http://changes.example/"]
    found = [(line["said"], line["connected"]) for line in called(urls, names=names)]
    assert found == [("Refused", []), ("Refused", []), ("204", ["8.8.4.4"]), ("Refused", [])]


def test_ports_and_redirects() -> None:
    found = called(
        ["http://8.8.8.8:8080/", "http://8.8.8.8:5432/", "http://8.8.8.8:8080/redirect", "http://10.1.0.9:5432/"],
        allow="10.1.0.0/16",
        ports=(80, 8080, 5432),
    )
    assert [(line["said"], line["connected"]) for line in found] == [
        ("204", ["8.8.8.8"]),
        ("Refused", []),
        ("302", ["8.8.8.8"]),
        ("204", ["10.1.0.9"]),
    ]


# --- on loopback ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(respond: Respond) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(await reader.readuntil(b"\r\n\r\n"), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


async def post(url: str, *, seconds: float = 5, policy: Policy = HERE) -> Answer:
    outbound = Outbound(policy, seconds=seconds)
    try:
        return await outbound.post(url, b'{"a":1}', {"x-test": "1"})
    finally:
        await outbound.close()


async def test_a_call_brings_its_body_and_headers_and_takes_the_first_of_the_answer() -> None:
    seen: list[bytes] = []

    async def respond(head: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(head)
        body = b"no\0 " + b"x" * 5000
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    async with listening(respond) as url:
        answer = await post(url)
    assert b"POST /hook HTTP/1.1" in seen[0]
    assert b"x-test: 1" in seen[0].lower()
    assert (answer.status, answer.body[:4], len(answer.body)) == (500, "no x", KEPT_BYTES - 1)
    assert 0 < answer.seconds < 5


async def test_a_connection_is_used_again_until_the_other_side_hangs_up() -> None:
    answered: list[int] = []
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(0)
        with suppress(asyncio.IncompleteReadError):  # the last one is not asked again, and let go of
            while answered[-1] < 2:
                await reader.readuntil(b"}")
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                answered[-1] += 1
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    outbound = Outbound(HERE)
    try:
        for _ in range(2):
            assert (await outbound.post(url, b"{}", {})).status == 204
        await gone.wait()
        assert (await outbound.post(url, b"{}", {})).status == 204
        assert answered == [2, 1]
    finally:
        await outbound.close()
        server.close()


async def test_an_endless_answer_is_cut_off() -> None:
    sent = 0

    async def respond(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with listening(respond) as url:
        answer = await post(url)
    assert (answer.status, answer.body) == (200, "x" * KEPT_BYTES)
    assert sent < 200 * LARGEST_ANSWER


async def test_who_never_answers_is_not_waited_for() -> None:
    async def respond(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow")
        await writer.drain()
        await asyncio.sleep(60)

    async with listening(respond) as url:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 seconds"):
            await post(url, seconds=0.2)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1/", Unreachable),  # nobody listens
        ("http://no-such-host.invalid/", Unreachable),
        ("http://:80/", Unreachable),
        ("ftp://127.0.0.1/", Unreachable),
        ("http://127.0.0.2:80/", Refused),
    ],
)
async def test_what_cannot_be_called_is_told(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await post(url)
