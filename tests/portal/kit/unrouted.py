"""Run inside a network namespace of its own (`unshare -n`), where every address there is leads to this very process.

Listeners wait on all addresses; `Outbound` is asked to call each of a list of URLs, by literals and by names whose
answers a resolver of ours makes up. Prints a JSON line for each: what was said, and whether anybody was connected to.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Any

from portal.kit.addresses import Policy
from portal.kit.outbound import Outbound, Refused, Unreachable

LOOPBACK = 1  # the index of `lo`
UP = 0x1 | 0x40
SET_FLAGS = 0x8914
NEW_ROUTE = 24
CREATE = 0x1 | 0x4 | 0x400
LOCAL_TABLE, BOOT, HOST_SCOPE, LOCAL = 255, 3, 254, 2
OUTGOING = 4  # the attribute that names the interface


def main() -> None:
    """`python -m tests.portal.kit.unrouted` with {"allow", "names", "urls", "ports"} on standard input."""
    told = json.load(sys.stdin)
    _everything_is_here()
    for line in asyncio.run(_call_all(told)):
        sys.stdout.write(json.dumps(line) + "\n")


def _everything_is_here() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        fcntl.ioctl(plain, SET_FLAGS, struct.pack("16sh14s", b"lo", UP, b""))
    for family in (socket.AF_INET, socket.AF_INET6):
        route = struct.pack("BBBBBBBBI", family, 0, 0, 0, LOCAL_TABLE, BOOT, HOST_SCOPE, LOCAL, 0)
        route += struct.pack("HHI", 8, OUTGOING, LOOPBACK)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.send(struct.pack("IHHII", 16 + len(route), NEW_ROUTE, CREATE, 1, 0) + route)
            (failed,) = struct.unpack_from("i", kernel.recv(4096), 16)
            if failed:
                raise OSError(-failed, os.strerror(-failed))


async def _call_all(told: dict[str, Any]) -> list[dict[str, Any]]:
    connected: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(str(writer.get_extra_info("sockname")[0]))
        asked = await reader.readuntil(b"\r\n\r\n")
        status = b"302 Found\r\nLocation: http://127.0.0.1/" if b"/redirect" in asked else b"204 No Content"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    real, names = socket.getaddrinfo, told["names"]

    def look_up(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        answers = names.get(host)
        if answers is None:
            return list(real(host, port, *more, **options))
        here = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in here for entry in real(address, port, *more, **options)]

    vars(socket)["getaddrinfo"] = look_up  # the one thing outside: what a name server somewhere would say
    servers = [await asyncio.start_server(answer, host, port) for host in ("0.0.0.0", "::") for port in told["ports"]]
    outbound = Outbound(Policy.parse(told["allow"]), seconds=5)
    lines = []
    for url in told["urls"]:
        connected.clear()
        try:
            said = str((await outbound.post(url, b"{}", {})).status)
        except (Refused, Unreachable) as error:
            said = type(error).__name__
        lines.append({"url": url, "said": said, "connected": list(connected)})
    await outbound.close()
    for server in servers:
        server.close()
    return lines


if __name__ == "__main__":
    main()
