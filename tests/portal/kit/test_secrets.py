"""Keys and tokens: one purpose each, and a change of the secret key without a break."""

from __future__ import annotations

import pytest

from portal.kit.secrets import Secrets, derive, hash_token, new_token

OLD, NEW = "old" * 12, "new" * 12


def test_what_is_encrypted_can_be_read_back_by_holders_of_the_key_alone() -> None:
    closed = Secrets(OLD).encrypt("秘密")
    assert "秘密" not in closed
    assert closed != Secrets(OLD).encrypt("秘密")
    assert Secrets(OLD).decrypt(closed) == "秘密"
    flipped = closed[:40] + ("A" if closed[40] != "A" else "B") + closed[41:]
    for token in (flipped, closed[:-8], "", "é", "garbage"):
        with pytest.raises(ValueError, match="another secret key"):
            Secrets(OLD).decrypt(token)
    with pytest.raises(ValueError, match="another secret key"):
        Secrets(NEW).decrypt(closed)


def test_while_the_key_is_changed_the_previous_one_still_reads_and_never_writes() -> None:
    both = Secrets(NEW, OLD)
    assert both.decrypt(Secrets(OLD).encrypt("x")) == "x"
    assert Secrets(NEW).decrypt(both.encrypt("x")) == "x"
    assert both.verify("csrf", "session", Secrets(OLD).mac("csrf", "session"))
    assert both.mac("csrf", "session") == Secrets(NEW).mac("csrf", "session")
    assert not Secrets(NEW).verify("csrf", "session", Secrets(OLD).mac("csrf", "session"))


@pytest.mark.parametrize(
    ("purpose", "value"), [("csrf", "other"), ("flash", "session"), ("", "csrfsession"), ("csrf", "")]
)
def test_a_mac_is_worth_nothing_elsewhere(purpose: str, value: str) -> None:
    secrets = Secrets(OLD)
    mac = secrets.mac("csrf", "session")
    assert secrets.verify("csrf", "session", mac)
    assert not secrets.verify(purpose, value, mac)


@pytest.mark.parametrize("given", ["", "é", "\udcff", "a" * 64, "A" * 10_000])
def test_whatever_is_shown_for_a_mac_is_refused_and_no_more(given: str) -> None:
    assert not Secrets(OLD).verify("csrf", "session", given)


def test_each_purpose_has_a_key_of_its_own() -> None:
    found = {derive(key, purpose) for key in (OLD, NEW) for purpose in ("csrf", "flash", "encrypt")}
    assert len(found) == 6
    assert {len(one) for one in found} == {32}


def test_tokens_are_random_and_stored_as_their_hash() -> None:
    tokens = {new_token("ak_") for _ in range(50)}
    assert len(tokens) == 50
    assert all(token.startswith("ak_") and len(token) == 46 for token in tokens)
    assert hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
