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
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

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
        self._transport: PinningTransport | None = None
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="banso-lookup")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body`; any status is an answer. Raises `Refused` or `Unreachable`, with the reason in words."""
        began = time.perf_counter()
        # No client above the transport: nothing is to be redirected, authorized, decoded or kept as a cookie, and that
        # is a third of the work.
        transport = self._transport = self._transport or PinningTransport(self.policy, self._lookups)
        try:
            async with asyncio.timeout(self._seconds):
                request = httpx.Request("POST", url, content=body, headers=dict(headers))
                response = await transport.handle_async_request(request)
                try:
                    kept = await _first_bytes(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._seconds:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:500]) from error
        text = kept.decode("utf-8", "replace").replace("\0", "")
        return Answer(response.status_code, text, time.perf_counter() - began)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None
        self._lookups.shutdown(wait=False, cancel_futures=True)


class PinningTransport(httpx.AsyncBaseTransport):
    """httpx over connections that are judged before they are made, for any client that calls what somebody typed in."""

    def __init__(self, policy: Policy, lookups: ThreadPoolExecutor) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trust(),
            max_connections=200,
            max_keepalive_connections=50,
            keepalive_expiry=30,
            network_backend=_Pinned(policy, lookups),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """What httpx's own transport does, over our pool (which that one does not let one choose)."""
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=cast("AsyncIterable[bytes]", request.stream),
            extensions=request.extensions,
        )
        with _in_httpx_words(request):
            answer = await self._pool.handle_async_request(asked)
        stream = _Body(request, cast("AsyncIterable[bytes]", answer.stream), answer.aclose)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(
        self, request: httpx.Request, stream: AsyncIterable[bytes], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._request, self._stream, self._close = request, stream, close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _in_httpx_words(self._request):
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        await self._close()


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
    """A stream that knows its socket: the pool asks each of its connections, at each request, whether the other side
    has hung up, and the search for the socket costs more than the answer."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.get_extra_info("socket"), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        await self._stream.write(buffer, timeout)

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


@contextmanager
def _in_httpx_words(request: httpx.Request) -> Iterator[None]:
    """httpcore's failures as httpx's, which have the same names."""
    try:
        yield
    except FAILURES as error:
        named: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise named(str(error), request=request) from error


def _trust() -> ssl.SSLContext:
    """The authorities this machine trusts, and the public ones where it has none of its own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


async def _first_bytes(response: httpx.Response) -> bytes:
    """As it came, not unpacked: a small answer may unpack to a large one."""
    kept, size = b"", 0
    async for part in response.aiter_raw():
        kept += part[: KEPT_BYTES - len(kept)]
        size += len(part)
        if size > LARGEST_ANSWER:
            break
    return kept
