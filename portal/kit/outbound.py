"""Calling other systems at addresses that somebody typed in: the one way out of the portal by HTTP.

A name is looked up once for a connection, everything it stands for is judged (`addresses.Policy`), and the connection
is made to that very address, so what was checked is what is called, however the name answers the next time. Redirects
are not followed, proxies of the environment are not asked, an answer is read up to a limit, and all within a time.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import certifi
import httpcore
import httpx

from portal.kit.addresses import Policy

SECONDS = 15.0
CONNECT_SECONDS = 5.0
KEPT_BYTES = 1024
LARGEST_ANSWER = 64 * 1024
LOOKUPS = 8
ADDRESSES = 4
KEPT_SECONDS = 30.0
MOST_KEPT = 50
Place = tuple[bytes, bytes, int]
"""Scheme, host and port."""
FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class Refused(Exception):
    """The address may not be called."""


class Unreachable(Exception):
    """No answer came: no such name, no connection, no valid certificate, no answer in time."""


@dataclass(frozen=True)
class Answer:
    """What came back: its status, the first KB of its body as text, and how long it took."""

    status: int
    body: str
    seconds: float


class Outbound:
    """Made once by the composition root. `policy` says what may be called; without one, public addresses only."""

    def __init__(self, policy: Policy | None = None, *, seconds: float = SECONDS) -> None:
        self.policy = policy or Policy()
        self._seconds = seconds
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="banso-lookup")
        self._connections = _Connections(_Pinned(self.policy, self._lookups))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body`; any status is an answer. Raises `Refused` or `Unreachable`, with the reason in words."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds):
                status, kept = await self._ask(_post(url, body, headers))
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._seconds:g} seconds") from error
        except (*FAILURES, httpx.InvalidURL, UnicodeError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:500]) from error
        text = kept.decode("utf-8", "replace").replace("\0", "")
        return Answer(status, text, time.perf_counter() - began)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._connections.close()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, request: httpcore.Request) -> tuple[int, bytes]:
        async with self._connections.to(request.url) as connection:
            answer = await connection.handle_async_request(request)
            try:
                return answer.status, await _first_bytes(answer)
            finally:
                await answer.aclose()


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> httpcore.Request:
    """The request as it goes over the wire. No client makes it: nothing is to be redirected, authorized, decoded or
    kept as a cookie, and that would be a third of the work."""
    target = _target(url)
    told = [(b"Host", target.netloc), (b"Content-Length", b"%d" % len(body))]
    told += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    place = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
    return httpcore.Request("POST", place, headers=told, content=body)


@lru_cache(maxsize=256)
def _target(url: str) -> httpx.URL:
    """A typed-in address taken apart, names in other letters as DNS has them. Raises `httpx.InvalidURL`."""
    return httpx.URL(url)


class _Connections:
    """Connections that are judged before they are made, kept open for a while for whoever calls the same place next.

    httpcore's own pool looks at each of its connections, several times, for each request: with thirty of them open that
    costs more than the request.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._network = network
        self._idle: list[tuple[Place, httpcore.AsyncHTTPConnection]] = []
        """The one that was used last comes last."""

    @asynccontextmanager
    async def to(self, url: httpcore.URL) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection nobody else has meanwhile."""
        if url.scheme not in (b"http", b"https"):
            raise httpcore.UnsupportedProtocol(f"{url.scheme.decode()!r} is no way to call")
        origin = url.origin
        place = (origin.scheme, origin.host, origin.port)
        trust = _trust() if url.scheme == b"https" else None
        connection = await self._take(place) or httpcore.AsyncHTTPConnection(
            origin, ssl_context=trust, keepalive_expiry=KEPT_SECONDS, network_backend=self._network
        )
        try:
            yield connection
        finally:
            if connection.is_idle() and not connection.is_closed():
                self._idle.append((place, connection))
            else:
                await connection.aclose()
            while len(self._idle) > MOST_KEPT or (self._idle and self._idle[0][1].has_expired()):
                await self._idle.pop(0)[1].aclose()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop()[1].aclose()

    async def _take(self, place: Place) -> httpcore.AsyncHTTPConnection | None:
        for number in reversed(range(len(self._idle))):
            if self._idle[number][0] == place:
                _, connection = self._idle.pop(number)
                if not connection.has_expired():
                    return connection
                await connection.aclose()
                return await self._take(place)
        return None


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the addresses of a name in their order, after all of them were judged."""

    def __init__(self, policy: Policy, lookups: ThreadPoolExecutor) -> None:
        self._policy = policy
        self._lookups = lookups
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._look_up(host, port)
        for address in addresses:
            why = self._policy.refusal(address, port)
            if why is not None:
                shown = address if address == host else f"{host} ({address})"
                raise Refused(f"{shown} may not be called: {why}")
        last = len(addresses) - 1
        for number, address in enumerate(addresses):
            try:
                return _Quick(
                    await self._sockets.connect_tcp(address, port, CONNECT_SECONDS, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == last:
                    raise
        raise AssertionError("unreachable")

    async def _look_up(self, host: str, port: int) -> list[str]:
        # Threads of their own: a name server that hangs must not keep reports waiting.
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._lookups, look)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not found: {error}") from error
        return list(dict.fromkeys(str(place[4][0]) for place in found))[:ADDRESSES]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Refused("files may not be called")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Quick(httpcore.AsyncNetworkStream):
    """A stream that sends head and body of a request at once, and knows its socket: whoever takes a connection asks
    whether the other side has hung up, and the search for the socket costs more than the answer."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._unsent = b""
        self._poll = select.poll()
        self._poll.register(stream.get_extra_info("socket"), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        unsent, self._unsent = self._unsent, b""
        if unsent:
            with suppress(httpcore.WriteError):  # the other side may have answered before it had read everything
                await self._stream.write(unsent, timeout)
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        self._unsent += buffer

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        return _Quick(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return bool(self._poll.poll(0)) if info == "is_readable" else self._stream.get_extra_info(info)


@cache
def _trust() -> ssl.SSLContext:
    """The authorities this machine trusts, and the public ones where it has none of its own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


async def _first_bytes(answer: httpcore.Response) -> bytes:
    """As it came, not unpacked: a small answer may unpack to a large one."""
    kept, size = b"", 0
    async for part in answer.aiter_stream():
        kept += part[: KEPT_BYTES - len(kept)]
        size += len(part)
        if size > LARGEST_ANSWER:
            break
    return kept
