"""The Segment tracking dialect described for OpenAPI: what each kind of message may say, and what becomes of it.

A table, not models: messages are read by `portal.events.rules`, which bear with what clients in the field send. What
they bear with stands here too: numbers for ids, seconds for instants, and anything at all as one message of a batch.
"""

from collections.abc import Mapping
from typing import Any, Final

from portal.accounts.answers import KEY_CHARS
from portal.events.rules import KINDS, MESSAGE_ID_CHARS, NAME_CHARS, REFUSALS

BATCH_EVENTS: Final = 2500
LATEST: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_NONE: Final[dict[str, Any]] = {"type": "null"}
_WHOLE: Final[dict[str, Any]] = {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1}
_KEY: Final = {"description": "The key, where it was not shown in a header.", "example": "wk_…"}
_SENT_AT: Final = {
    "description": "When the sender's clock says that it sends; of use only as an RFC 3339 time.",
    "example": "2026-12-01T09:00:00Z",
}


def _id(description: str, *, longest: int = 200, is_needed: bool = False) -> dict[str, Any]:
    """An id of the product: a text, or a number taken as its digits."""
    text = {"type": "string", "maxLength": longest, "pattern": r"\S" if is_needed else r"^$|\S"}
    return {"description": description, "anyOf": [text, _WHOLE, *([] if is_needed else [_NONE])]}


_MESSAGE_ID: Final[dict[str, Any]] = {
    "description": "Sent again, it counts once.",
    "anyOf": [{"type": "string", "maxLength": MESSAGE_ID_CHARS}, _WHOLE, _NONE],
}
_TIMESTAMP: Final[dict[str, Any]] = {
    "description": "RFC 3339, or seconds or milliseconds since 1970; when it arrives if left out.",
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "maxLength": 0},
        {"type": "number", "minimum": 0, "maximum": LATEST},
        _NONE,
    ],
}
_ACCOUNT: Final = "The account it happened in: its id in the product."
_NAMES: Final[Mapping[str, dict[str, Any]]] = {
    "event": {
        "description": "What happened. Names of the portal's own, like `article.read`, are refused.",
        "type": "string",
        "maxLength": NAME_CHARS,
        "pattern": r"\S",
    },
    "userId": _id("The member's id in the product."),
    "anonymousId": _id("Whoever it is, before it is known; one of the two is needed."),
    "groupId": _id("The account's id in the product."),
    "previousId": _id("The `anonymousId` that turned out to be this member.", is_needed=True),
    "properties": {"anyOf": [{"type": "object"}, _NONE]},
    "traits": {"description": "What is known of them.", "anyOf": [{"type": "object"}, _NONE]},
}
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "track": ("event", "userId", "anonymousId", "properties"),
    "identify": ("userId", "anonymousId", "traits"),
    "group": ("groupId", "userId", "anonymousId", "traits"),
    "page": ("userId", "anonymousId", "properties"),
    "screen": ("userId", "anonymousId", "properties"),
    "alias": ("previousId", "userId"),
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"track": ("event",), "alias": ("previousId", "userId")}
_EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "track": {"userId": "u-17", "event": "invoice.sent", "properties": {"lines": 3}, "context": {"groupId": "acme"}},
    "identify": {"userId": "u-17", "traits": {"email": "tanaka@acme.example", "name": "田中 美咲", "role": "admin"}},
    "group": {"userId": "u-17", "groupId": "acme", "traits": {"name": "株式会社アクメ", "plan": "pro"}},
    "page": {"userId": "u-17", "name": "invoices", "properties": {"path": "/invoices"}},
    "screen": {"userId": "u-17", "name": "invoices", "properties": {"tab": "open"}},
    "alias": {"previousId": "anonymous-5f1c", "userId": "u-17"},
}


def _message(kind: str) -> dict[str, Any]:
    """What one message of a kind may say; whatever else it says is let pass."""
    fields = {name: _NAMES[name] for name in _OF[kind]}
    context = {"type": "object", "properties": {"groupId": _id(_ACCOUNT)}}
    needed = _NEEDED.get(kind, ())
    someone = {} if kind == "alias" else {"anyOf": [_has("userId"), _has("anonymousId")]}
    if kind == "alias":
        fields["userId"] = _id("The member's id in the product.", is_needed=True)
    if kind == "group":
        in_context = {"required": ["context"], "properties": {"context": _has("groupId")}}
        someone = {"allOf": [someone, {"anyOf": [_has("groupId"), in_context]}]}
    return {
        "type": "object",
        **({"required": list(needed)} if needed else {}),
        "properties": {
            **fields,
            "context": {"anyOf": [context, _NONE]},
            "messageId": _MESSAGE_ID,
            "timestamp": _TIMESTAMP,
            "sentAt": _SENT_AT,
            "writeKey": _KEY,
        },
        **someone,
        "example": {
            **_EXAMPLES[kind],
            "messageId": "5f1c2c1e-8a6e-4c1b-9d3a-0a6f1f0e7a11",
            "timestamp": "2026-12-01T09:00:00Z",
        },
    }


def _has(name: str) -> dict[str, Any]:
    """An object in which somebody is named."""
    return {"type": "object", "required": [name], "properties": {name: _id(_ACCOUNT, is_needed=True)}}


SCHEMA_OF: Final[Mapping[str, str]] = {kind: f"Tracking{kind.capitalize()}" for kind in KINDS}
BATCH_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["batch"],
    "properties": {
        "batch": {
            "type": "array",
            "maxItems": BATCH_EVENTS,
            "items": {
                "description": "A message with its `type`. What is none is named in `rejected`, and costs no other.",
                "anyOf": [*({"$ref": f"#/components/schemas/{name}"} for name in SCHEMA_OF.values()), {}],
            },
        },
        "sentAt": _SENT_AT,
        "writeKey": _KEY,
    },
    "example": {"batch": [{"type": kind, **_EXAMPLES[kind]} for kind in ("identify", "track")]},
}
OWN_BATCH_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {
            "type": "array",
            "maxItems": BATCH_EVENTS,
            "items": {
                "type": "object",
                "description": "What the member did; what cannot be taken is named in `rejected`.",
                "properties": {
                    "event": {"description": "What happened."},
                    "properties": {"description": "An object."},
                    "messageId": {"description": "Sent again, it counts once."},
                    "timestamp": {"description": "RFC 3339; when it arrives if left out."},
                },
            },
        },
        "sentAt": _SENT_AT,
    },
    "example": {"events": [{"event": "invoice.sent", "properties": {"lines": 3}}]},
}
TAKEN: Final[dict[str, Any]] = {
    "description": "Committed; what became of each.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TrackingOutcome"}}},
}
_OUTCOME: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["success", "accepted", "duplicates", "rejected"],
    "properties": {
        "success": {"const": True},
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "code"],
                "properties": {
                    "index": {"type": "integer"},
                    "code": {"enum": sorted(REFUSALS)},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "success": True,
        "accepted": 1,
        "duplicates": 0,
        "rejected": [{"index": 1, "code": "missing_user", "message": REFUSALS["missing_user"].msgid}],
    },
}
UNUSED_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": KEY_CHARS},
    "description": "Taken, and not needed: a message counts once by its `messageId`.",
}
SCHEMAS: Final = {name: _message(kind) for kind, name in SCHEMA_OF.items()} | {"TrackingOutcome": _OUTCOME}
"""What the routes of the dialect refer to in OpenAPI."""
