"""The matrix of addresses: what may be called on somebody's word, and what may not, one line each."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.addresses import METADATA, PORTS, Policy

NOBODY = Policy()

PUBLIC = (
    "8.8.8.8", "1.1.1.1", "93.184.215.14", "9.255.255.255", "11.0.0.1", "100.63.255.255",
    "100.128.0.1", "126.255.255.255",
    "128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.88.98.255",
    "192.88.100.1", "192.167.255.255", "192.169.0.1", "198.17.255.255", "198.20.0.1",
    "203.0.112.1", "223.255.255.255",
    "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2400:3200::1",
)  # fmt: skip
SPECIAL = (
    # this network, private, shared, loopback, link-local
    "0.0.0.0", "0.1.2.3", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.1",
    "100.127.255.255", "127.0.0.1",
    "127.1.2.3", "127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.168.0.1",
    "192.168.255.255",
    # protocol assignments, documentation, AS112, AMT, 6to4 relays, benchmarking, multicast, reserved, broadcast
    "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.0",
    "192.88.99.1", "192.88.99.255",
    "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    # loopback, unspecified, IPv4 compatible, mapped and translated, whatever address they carry
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    # NAT64, both prefixes
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::a00:1", "64:ff9b:1:ffff::1",
    # Teredo, 6to4, benchmarking, ORCHID, documentation, 6bone, AS112
    "2001::1", "2001:0:53aa:64c::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1",
    "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:4:112::1", "2001:db8::1", "3ffe::1", "3fff::1", "2620:4f:8000::1",
    # discard, unique local, link-local, site-local, multicast, segment routing, not allocated
    "100::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "ff0e::1", "5f00::1", "4000::1",
    "e000::1",
    # where clouds keep a machine's secrets
    "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
    # no addresses at all
    "", "localhost", "127.1", "0x7f000001", "2130706433", "8.8.8.8:80", "[::1]",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert NOBODY.refusal(address, 443) is None


@pytest.mark.parametrize("address", SPECIAL)
def test_every_other_may_not(address: str) -> None:
    assert NOBODY.refusal(address, 443)


@pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 444, 3306, 5432, 6379, 8000, 9200, 65535])
def test_only_ports_of_the_web(port: int) -> None:
    assert port not in PORTS
    assert NOBODY.refusal("8.8.8.8", port)


@pytest.mark.parametrize("port", sorted(PORTS))
def test_ports_of_the_web(port: int) -> None:
    assert NOBODY.refusal("8.8.8.8", port) is None


@pytest.mark.parametrize(
    ("allowed", "address", "may"),
    [
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("127.0.0.0/8, ::1", "127.0.0.1", True),
        ("127.0.0.0/8, ::1", "::1", True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", False),
        ("fd00::/8", "fd12::1", True),
        ("0.0.0.0/0, ::/0", "192.168.1.1", True),
        ("0.0.0.0/0, ::/0", "fe80::1%eth0", False),
    ],
)
def test_what_the_operator_allows_may_be_called_on_any_port(allowed: str, address: str, may: bool) -> None:
    assert (Policy.parse(allowed).refusal(address, 5000) is None) is may


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_where_secrets_are_is_never_allowed(address: str) -> None:
    assert Policy.parse("0.0.0.0/0, ::/0").refusal(address, 80)


def test_not_even_in_other_clothes() -> None:
    assert Policy.parse("::/0").refusal("::ffff:169.254.169.254", 80)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits|not permitted|netmask"):
        Policy.parse(text)


@given(st.ip_addresses())
def test_nothing_that_python_knows_as_private_is_called(address: object) -> None:
    """Another list, made by others: wherever it says no, so do we."""
    parsed = ip_address(str(address))
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        assert NOBODY.refusal(str(address), 443)
