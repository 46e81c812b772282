"""What counts as the same address, the same name, and one change: pure rules over plain values.

`account_values` and `member_values` are the one place that says what a partial description does to what is known:
what was not given stays, `None` clears, and nothing that is already so counts as a change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

from portal.accounts.likeness import HIRAGANA_TO_KATAKANA, name_key, reading_key

Values = Mapping[str, object]

ADDRESS = re.compile(r"^[^\s@<>()\[\],;:\\\"]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])$")


def email_key(address: str) -> str:
    """The address as compared: NFKC, trimmed, lower case. One person's address has one key."""
    return unicodedata.normalize("NFKC", address).strip().lower()


def is_email(address: str) -> bool:
    """Whether mail could be sent to `address`: one `@`, a dotted host, nothing that needs quoting."""
    key = email_key(address)
    return len(key) <= 254 and ".." not in key and bool(ADDRESS.match(key))


# fmt: off
SHARED = frozenset({
    "info", "contact", "contacts", "inquiry", "support", "help", "sales", "office", "admin", "administrator",
    "webmaster", "postmaster", "mail", "hello", "team", "all", "staff", "shop", "service", "soumu", "somu", "keiri",
    "jinji", "eigyo", "kikaku", "koho", "kouhou", "jimu", "jimukyoku", "toiawase", "otoiawase",
})
# fmt: on
"""What stands before the @ of addresses that several people read, in English and in romanised Japanese."""


def is_shared_address(address: str) -> bool:
    """Whether several people probably read this address, so that each of them could sign in as this one person."""
    name = re.split(r"[+@]", email_key(address), maxsplit=1)[0]
    return re.sub(r"[\d._-]+$", "", name) in SHARED


def is_among(address: str, domains: Sequence[str]) -> bool:
    """Whether `address` is at one of `domains` or below one of them; without any, every address is."""
    host = email_key(address).rpartition("@")[2]
    return not domains or any(host == domain or host.endswith(f".{domain}") for domain in domains)


def folded(text: str) -> str:
    """`text` as searched: widths, case and the two kana alike (`ﾊﾝｿｳ`, `はんそう` and `ハンソウ` are one)."""
    return unicodedata.normalize("NFKC", text).casefold().translate(HIRAGANA_TO_KATAKANA).strip()


def search_text(*parts: object) -> str:
    """What a customer is found by: each part folded, a line each, so that no match spans two."""
    return "\n".join(dict.fromkeys(folded(str(part)) for part in parts if part))


def new_account(external_id: str, *, now: datetime) -> dict[str, object]:
    """The whole row of a customer of whom nothing but the id is known."""
    return {
        "external_id": external_id,
        "name": external_id,
        "name_kana": None,
        "plan_key": None,
        "seats": None,
        "tier": None,
        "owner": None,
        "created_at": now,
        "started_at": now,
        "renews_at": None,
        "notice_by": None,
        "mrr": None,
        "currency": None,
        "notice_at": None,
        "left_at": None,
        "goal": None,
        "mail_domains": [],
        "traits": {},
        "search_key": search_text(external_id),
        "name_key": name_key(external_id),
        "reading_key": reading_key(external_id, None),
        "is_stub": True,
        "recorded_at": now,
    }


def account_values(known: Values, changes: Values) -> dict[str, object]:
    """The columns of `known` that `changes` makes different, with their new values; empty where it changes nothing.

    A start that was only ever the creation day follows it; one that was set stays. A name that is cleared falls back
    to the external id, a start to the creation day. `traits` are merged key by key.
    """
    wanted: dict[str, object] = {"is_stub": False}
    for key, value in changes.items():
        if key == "traits":
            wanted["traits"] = merged_traits(known["traits"], value)
        elif key != "created_at" or value is not None:
            wanted["plan_key" if key == "plan" else key] = value
    if "name" in wanted and not wanted["name"]:
        wanted["name"] = known["external_id"]
    created_at = wanted.get("created_at", known["created_at"])
    followed = "started_at" not in changes and known["started_at"] == known["created_at"]
    if followed or wanted.get("started_at", created_at) is None:
        wanted["started_at"] = created_at
    after = {**known, **wanted}
    wanted["search_key"] = search_text(after["name"], after["name_kana"], after["external_id"])
    wanted["name_key"] = name_key(str(after["name"]))
    wanted["reading_key"] = reading_key(str(after["name"]), str(after["name_kana"] or ""))
    return different(known, wanted)


def new_member(account_id: int, *, now: datetime) -> dict[str, object]:
    """The whole row of a person of whom nothing is known."""
    return {
        "account_id": account_id,
        "external_id": None,
        "email": None,
        "email_key": None,
        "name": "",
        "name_kana": None,
        "role": "member",
        "department": None,
        "locale": None,
        "joined_at": now,
        "left_at": None,
        "traits": {},
        "is_stub": True,
        "recorded_at": now,
    }


def member_values(known: Values, changes: Values) -> dict[str, object]:
    """The same for a person. A role that is cleared falls back to `member`."""
    wanted: dict[str, object] = {"is_stub": False}
    for key, value in changes.items():
        if key == "traits":
            wanted["traits"] = merged_traits(known["traits"], value)
        elif key == "email":
            wanted["email"] = value
            wanted["email_key"] = email_key(value) if isinstance(value, str) else None
        elif key == "name":
            wanted["name"] = value or ""
        elif key == "role":
            wanted["role"] = value or "member"
        elif key != "joined_at" or value is not None:
            wanted[key] = value
    return different(known, wanted)


def are_halves(by_id: Values, by_address: Values) -> bool:
    """Whether two entries of one customer may be the two halves of one person: of the one nothing but the product's id
    is known to tell them by, of the other nothing but the address. Who has one of either is somebody."""
    return by_id["email"] is None and by_address["external_id"] is None


def from_double(known: Values, double: Values) -> dict[str, object]:
    """What a person has from their double: whatever they lack, and the earlier joining; leaving is not among it."""
    texts = ("external_id", "email", "name", "name_kana", "department", "locale")
    told = {name: double[name] for name in texts if double[name] and not known[name]}
    told["traits"] = {**_mapping(double["traits"]), **_mapping(known["traits"])}
    if known["role"] == "member":
        told["role"] = double["role"]
    told["joined_at"] = min(_moment(double["joined_at"]), _moment(known["joined_at"]))
    return told


def _mapping(traits: object) -> Values:
    return traits if isinstance(traits, Mapping) else {}


def _moment(at: object) -> datetime:
    assert isinstance(at, datetime)
    return at


def merged_traits(known: object, given: object) -> dict[str, object]:
    """Traits after `given`: what it names is set, what it names with None is dropped, the rest stays."""
    before = known if isinstance(known, Mapping) else {}
    after = given if isinstance(given, Mapping) else {}
    return {key: value for key, value in {**before, **after}.items() if value is not None}


def different(known: Values, wanted: Values) -> dict[str, object]:
    """What of `wanted` is not so in `known`."""
    return {key: value for key, value in wanted.items() if known[key] != value}
