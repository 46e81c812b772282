"""What holds for every call, told in OpenAPI once: limits, headers, failures, bounds and examples.

Routes say what is their own. This adds what no route should have to repeat: that every answer tells where a key stands,
that anything may be asked too often or at a bad moment, and how large the largest text, list and number can be.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from api.once import REPLAYED
from api.problems import described

UNSAID = "Successful Response"
"""What FastAPI says of an answer of which the route says nothing."""
METHODS = ("get", "put", "post", "delete", "patch")
ALWAYS = (429, 500, 503)
LONGEST_TEXT = 500 * 1024
"""No body larger than this is taken, so no text can be longer."""
LONGEST_PARAMETER = 1_000
"""Addresses and headers are shorter than bodies."""
LONGEST_INSTANT = 40
LONGEST_LIST = 100_000
LARGEST_NUMBER = 2**53 - 1
"""What every reader of JSON can hold exactly."""

TEXT = {"type": "string", "maxLength": 200}
HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "What is left of the key's limit, and in how many seconds it is full again. Not there where no "
        "valid key was shown.",
        "schema": TEXT,
        "example": '"requests";r=299;t=1',
    },
    "RateLimit-Policy": {
        "description": "The limit itself: so many in so many seconds.",
        "schema": TEXT,
        "example": '"requests";q=300;w=1',
    },
    "Retry-After": {
        "description": "Seconds to wait before sending the same again.",
        "schema": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86_400},
        "example": 5,
    },
    "WWW-Authenticate": {
        "description": "How to show who is calling.",
        "schema": TEXT,
        "example": 'Bearer realm="banso"',
    },
    REPLAYED: {
        "description": "`true` where this is the answer to an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Access-Control-Allow-Origin": {
        "description": "For a page of the source's own origins that shows the public key; for nobody else.",
        "schema": {"type": "string", "maxLength": 2000},
        "example": "https://app.example.com",
    },
}
TAGS = {
    "events": "What happens in the product: sent in the Segment tracking dialect, and read back.",
    "webhooks": "What other systems tell, by Standard Webhooks 1.0.",
    "accounts": "Customers and their people.",
    "checklists": "Where customers stand in their onboarding, and how many complete it in time.",
    "plans": "What customers may have bought.",
    "search": "Articles and tutorials.",
    "widget": "What the widget asks inside the product: a page of the source's own origins, with a signed token.",
    "webhook endpoints": "Who is told what happens here.",
}
CODES = {
    400: ("malformed", "The body must be a JSON object."),
    401: ("unauthorized", "Show a valid API key: Authorization: Bearer ak_…"),
    403: ("forbidden", "This API key may only read."),
    404: ("not_found", "There is nothing here, or it is not for you."),
    409: ("conflict", "It contradicts what is there."),
    413: ("too_large", "The body is too large: 500 KB are the limit, also unpacked."),
    422: ("invalid", "Some of what was sent cannot be taken; “errors” names every field."),
    429: ("too_many_requests", "Wait as long as “Retry-After” says, then send the same again."),
    500: ("error", "Something went wrong here. It has been noted; please try again later."),
    503: ("unavailable", "Not now, and nothing was done. Try again in a moment."),
}


def complete(document: dict[str, Any]) -> None:
    """Add to an OpenAPI document what holds for every call of it."""
    components = document.setdefault("components", {})
    components["headers"] = HEADERS
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)  # validation is answered as a problem too
    used = {tag for call in _calls(document) for tag in call.get("tags", ())}
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    parameters = [call.get("parameters", []) for call in _calls(document)]
    for longest, part in ((LONGEST_PARAMETER, parameters), (LONGEST_TEXT, [document["paths"], schemas])):
        for schema in _schemas(part):
            _bound(schema, longest)
    for call in _calls(document):
        _answers(call, schemas)


def _calls(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (item[method] for method in METHODS if method in item)


def _answers(call: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    responses = call["responses"]
    told = [int(status) for status in responses if int(status) >= 400]
    responses |= {str(status): answer for status, answer in described(*told, *ALWAYS).items()}
    call["responses"] = dict(sorted(responses.items()))
    of_pages = call["operationId"].startswith(("events_", "widget_"))
    once = any(one["name"] == "Idempotency-Key" for one in call.get("parameters", ())) and not of_pages
    for written, answer in call["responses"].items():
        status = int(written)
        if answer["description"] == UNSAID:
            answer["description"] = _said(answer, schemas)
        names = ["RateLimit", "RateLimit-Policy"] if status < 500 else []
        names += ["Retry-After"] * (status in (429, 503)) + ["WWW-Authenticate"] * (status == 401)
        names += [REPLAYED] * (status < 300 and once) + ["Access-Control-Allow-Origin"] * of_pages
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        for media_type, content in answer.get("content", {}).items():
            if status in CODES:
                content["example"] = _problem(status)
            elif media_type == "application/json":
                content.setdefault("example", example_of(content["schema"], schemas))


def _said(answer: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What an answer is, in the words of its schema."""
    for content in answer.get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        return str(schemas[name]["description"]).partition("\n")[0]
    return "Done; there is nothing more to say."


def _problem(status: int) -> dict[str, Any]:
    code, detail = CODES[status]
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    example["detail"] = detail
    if status == 422:
        example["errors"] = [{"pointer": "#/query/limit", "code": "less_than_equal", "detail": "this is too large"}]
    return example


def _schemas(node: object) -> Iterator[dict[str, Any]]:
    """Every schema of a kind, wherever it stands; what is only an example of one is none."""
    if isinstance(node, list):
        for child in node:
            yield from _schemas(child)
    elif isinstance(node, dict):
        if isinstance(node.get("type"), str) and "flows" not in node:
            yield node
        for name, child in node.items():
            if name not in ("example", "examples", "default"):
                yield from _schemas(child)


def _bound(schema: dict[str, Any], longest: int) -> None:
    match schema["type"]:
        case "string" if not schema.keys() & {"enum", "const"}:
            is_moment = schema.get("format") in ("date", "date-time")
            schema.setdefault("maxLength", LONGEST_INSTANT if is_moment else longest)
        case "integer":
            schema.setdefault("format", "int64")
            schema.setdefault("minimum", -LARGEST_NUMBER)
            schema.setdefault("maximum", LARGEST_NUMBER)
        case "array":
            schema.setdefault("maxItems", LONGEST_LIST)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that fits, put together from the examples of its parts."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for name in ("example", "const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return example_of(schema[name][0], schemas)
    match schema.get("type"):
        case "object":
            return {name: example_of(part, schemas) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example_of(schema["items"], schemas)][: schema["maxItems"]] * schema.get("minItems", 1)
        case "boolean":
            return True
        case "integer" | "number":
            return max(0, schema.get("minimum", 0))
    return {"date": "2026-06-03", "date-time": "2026-06-03T05:00:00Z"}.get(schema.get("format", ""), "…")
