"""The interface on one page, made from the OpenAPI document: no script and no other host, so a strict CSP allows it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from portal.kit.web import render

METHODS = ("get", "post", "put", "patch", "delete")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Key:
    """A way to show who is calling."""

    name: str
    text: str


@dataclass(frozen=True)
class Field:
    """Something a call may be given; `place` is query, path or body."""

    name: str
    place: str
    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What a call may be answered. `example` is empty where the answer has no body, or is an error like any other."""

    status: str
    text: str
    example: str


@dataclass(frozen=True)
class Call:
    """One method of one path. `sent` is an example of a body, empty where there is none."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    fields: tuple[Field, ...]
    sent: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Part:
    """Calls that are about one thing."""

    text: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class DocsPage:
    """What the page shows."""

    schema_url: str
    keys: tuple[Key, ...]
    parts: tuple[Part, ...]


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The interface for people."""
    schema = request.app.openapi()
    keys = schema.get("components", {}).get("securitySchemes", {})
    page = DocsPage(
        schema_url="openapi.json",
        keys=tuple(Key(name, str(key.get("description", ""))) for name, key in keys.items()),
        parts=tuple(Part(tag["description"], tuple(calls_of(schema, tag["name"]))) for tag in schema["tags"]),
    )
    return render(request, "api/docs.html", page)


def calls_of(schema: Mapping[str, Any], tag: str) -> Iterator[Call]:
    """The calls with this tag in an OpenAPI document, in its order."""
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item and tag in item[method]["tags"]:
                said = item[method]
                yield Call(
                    anchor=said["operationId"],
                    method=method.upper(),
                    path=f"/api{path}",
                    summary=said.get("summary", ""),
                    text=said.get("description", ""),
                    fields=(*_parameters(said), *_body_fields(schema, said)),
                    sent=_example(_body(said).get("schema", {}).get("example")),
                    answers=tuple(_answer(*one) for one in said["responses"].items()),
                )


def _answer(status: str, answer: Mapping[str, Any]) -> Answer:
    contents = list(answer.get("content", {}).values()) if status < "400" else []
    return Answer(status, str(answer["description"]), _example(contents[0]["example"]) if contents else "")


def _example(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, indent=2)


def _parameters(said: Mapping[str, Any]) -> Iterator[Field]:
    for one in said.get("parameters", ()):
        yield Field(one["name"], one["in"], _kind(one.get("schema", {})), str(one.get("description", "")))


def _body_fields(schema: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[Field]:
    body = _resolved(schema, _body(said).get("schema", {}))
    for name, one in body.get("properties", {}).items():
        yield Field(name, "body", _kind(one), str(one.get("description", "")))


def _body(said: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    return found


def _resolved(schema: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(one.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = schema["components"]["schemas"][name] if name else one
    return found


def _kind(one: Mapping[str, Any]) -> str:
    parts = [_kind(part) for part in one.get("anyOf", ()) if part.get("type") != "null"]
    if parts:
        return " | ".join(parts)
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    return str(one.get("format") or one.get("type") or str(one.get("$ref", "")).rpartition("/")[2])
