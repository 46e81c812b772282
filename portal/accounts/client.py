"""Where a request comes from, as far as one can know: the address that attempts are counted by.

`X-Forwarded-For` can be written by anyone, so it counts only as far as trusted proxies wrote it: from its right end,
past every trusted address, to the first that is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def client_of(peer: str, forwarded: str, trusted: str) -> str:
    """The client's address; one IPv6 subscriber has a whole /64, so that is what counts as one.

    `peer` is who holds the connection, `forwarded` the header, `trusted` the setting `TRUSTED_PROXIES`.
    """
    networks = _networks(trusted)
    here = peer
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not _is_in(here, networks):
            break
        here = hop
    return _grouped(here)


@lru_cache(maxsize=8)
def _networks(trusted: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip(), strict=False) for part in trusted.split(",") if part.strip())


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _grouped(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
