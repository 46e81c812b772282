"""Which addresses the portal may call on somebody's word: the public ones, and what the operator has allowed.

Pure. Written as our own table and not by `ipaddress.is_global`, whose answers differ between patch versions of Python
and let tunnels to private addresses through (6to4, NAT64). Sources: IANA's special-purpose registries for IPv4 and
IPv6, and the addresses at which clouds tell a machine its own secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = frozenset({80, 443, 8080, 8443})

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google and most others
            "169.254.170.2",  # AWS, containers
            "169.254.170.23",  # AWS, Kubernetes
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure; a public address
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",
            "fd20:ce::254",  # Google
        ),
    )
)
"""Never called, whatever was allowed: nobody means these by allowing the network around them."""

_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All global unicast there is. Outside lie loopback, ::a.b.c.d, ::ffff:a.b.c.d, both NAT64 prefixes, fc00::/7,
fe80::/10, fec0::/10 and ff00::/8."""
_SPECIAL_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries an IPv4 address
            "2620:4f:8000::/48",  # AS112
            "3ffe::/16",  # 6bone, given back
            "3fff::/20",  # documentation
        ),
    )
)


@dataclass(frozen=True)
class Policy:
    """What may be called: public addresses on `PORTS`, and the `allowed` networks on any port."""

    allowed: Sequence[Network] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Policy:
        """`"10.1.0.0/16, 192.168.7.20"`; a `ValueError` for what is no network."""
        return cls(networks(text))

    def refusal(self, address: str, port: int) -> str | None:
        """Why this may not be called, in a word for the log; None where it may."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return "not an address"
        if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
            return "bound to one interface"
        if _unmapped(parsed) in METADATA:
            return "a metadata address"
        if any(parsed in network for network in self.allowed):
            return None
        if not _is_public(parsed):
            return "not a public address"
        return None if port in PORTS else f"port {port} is none of {', '.join(map(str, sorted(PORTS)))}"


def networks(text: str) -> tuple[Network, ...]:
    """Networks and single addresses, separated by commas; a `ValueError` for what is neither."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _unmapped(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _PUBLIC_IPV6 and not any(address in network for network in _SPECIAL_IPV6)
