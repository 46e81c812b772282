"""A template made ready once, and filled for each letter: pure.

Markdown is read before anything is put into it, so nothing that a customer is called can become a link, a heading or a
tag. Marks stand where values go; what comes out is plain text and HTML with every style inlined, which is what Outlook
and Gmail leave of a mail. Pictures are refused: they would be loaded from somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message
from portal.kit.markdown.japanese import JapaneseInline, bare_url
from portal.mailing.plain import plain_letter
from portal.mailing.variables import VARIABLES

LONGEST_SUBJECT = 200
LONGEST_BODY = 10_000
PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
INSIDE = re.compile(r"\s*([a-z_]+(?:\.[a-z_]+)?)\s*(?:\|(.*))?", re.DOTALL)
ABSOLUTE = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)
STYLES = {
    "p": "margin:0 0 16px",
    "h1": "margin:24px 0 12px;font-size:20px;line-height:1.5",
    "h2": "margin:24px 0 12px;font-size:18px;line-height:1.5",
    "h3": "margin:24px 0 12px;font-size:16px;line-height:1.5",
    "ul": "margin:0 0 16px;padding:0 0 0 24px",
    "ol": "margin:0 0 16px;padding:0 0 0 24px",
    "li": "margin:0 0 4px",
    "blockquote": "margin:0 0 16px;padding:0 0 0 16px;border-left:3px solid #e2ded2;color:#5d6470",
    "hr": "border:0;border-top:1px solid #e2ded2;margin:24px 0",
    "a": "color:#2f4a8c;text-decoration:underline",
    "code": "font-family:Consolas,Menlo,monospace;font-size:14px",
}


@dataclass(frozen=True)
class Place:
    """Where a value goes; `otherwise` stands there if it is empty, and None if nothing was said."""

    variable: str
    otherwise: str | None


@dataclass(frozen=True)
class Written:
    """A template in one language, ready to be filled: marks `{prefix}{number}z` stand for its places."""

    subject: str
    text: str
    html: str
    prose: str
    places: tuple[Place, ...]
    mark: re.Pattern[str]


@dataclass(frozen=True)
class Filled:
    """One letter. `html` has its styles inlined; `prose` is the same for a page of the portal. `missing` are variables
    of which nothing is known and for which the template says nothing else: such a letter is not to be sent."""

    subject: str
    text: str
    html: str
    prose: str
    missing: tuple[str, ...]


def problems_of(subject: str, body: str) -> list[FieldProblem]:
    """Everything that is wrong with a template; with it, nothing is saved."""
    found: list[FieldProblem] = []
    for field, said, longest in (("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)):
        if not said.strip():
            found.append(FieldProblem(field, "empty", Message("this must not be empty")))
        if len(said) > longest:
            found.append(
                FieldProblem(field, "too_long", Message("this may have %(most)s characters at most", most=longest))
            )
        found += [FieldProblem(field, "unknown_variable", one) for one in _unknown(said)]
    if "\n" in subject.strip():
        found.append(FieldProblem("subject", "lines", Message("the subject is one line")))
    return found or _misplaced(body)


def write(subject: str, body: str) -> Written:
    """The template ready to be filled. It is what `problems_of` finds nothing wrong with."""
    return _write(subject, body)


@lru_cache(maxsize=256)
def _write(subject: str, body: str) -> Written:
    prefix = "qv"
    while prefix in subject or prefix in body:
        prefix += "q"
    places: list[Place] = []
    marked_subject = _marked(" ".join(subject.split()), prefix, places)
    tokens = _parser().parse(_marked(body.replace("\r\n", "\n"), prefix, places))
    text = plain_letter(tokens)
    prose = _html.render(tokens, _parser().options, {})
    html = _html.render(_dressed(tokens), _parser().options, {})
    mark = re.compile(rf"{prefix}(\d+)z")
    return Written(marked_subject, text, html, prose, tuple(places), mark)


def fill(written: Written, values: Mapping[str, str]) -> Filled:
    """The letter with `values` in its places."""
    said = [values.get(place.variable, "") or (place.otherwise or "") for place in written.places]
    missing = [
        place.variable
        for place, value in zip(written.places, said, strict=True)
        if not value and place.otherwise is None
    ]

    def plain(found: re.Match[str]) -> str:
        return said[int(found[1])]

    def in_html(found: re.Match[str]) -> str:
        return escape(said[int(found[1])]).replace("\n", "<br>\n")

    return Filled(
        subject=" ".join(written.mark.sub(plain, written.subject).split()),
        text=written.mark.sub(plain, written.text),
        html=written.mark.sub(in_html, written.html),
        prose=written.mark.sub(in_html, written.prose),
        missing=tuple(dict.fromkeys(missing)),
    )


def _unknown(text: str) -> list[Message]:
    known = ", ".join(VARIABLES)
    found = []
    for place in PLACE.finditer(text):
        inside = INSIDE.fullmatch(place[1])
        if inside is None or inside[1] not in VARIABLES:
            named = place[1].strip()[:60]
            found.append(Message("“%(name)s” is no variable. There are: %(known)s", name=named, known=known))
    rest = PLACE.sub("", text)
    if "{{" in rest or "}}" in rest:
        found.append(Message("a variable is written {{ like.this }}: one pair of braces is left open"))
    return found


def _marked(text: str, prefix: str, places: list[Place]) -> str:
    def mark(found: re.Match[str]) -> str:
        inside = INSIDE.fullmatch(found[1])
        assert inside is not None
        otherwise = None if inside[2] is None else inside[2].strip()
        places.append(Place(inside[1], otherwise))
        return f"{prefix}{len(places) - 1}z"

    return PLACE.sub(mark, text)


def _misplaced(body: str) -> list[FieldProblem]:
    """Links that lead nowhere or where a value decides, and pictures."""
    places: list[Place] = []
    prefix = "qv"
    while prefix in body:
        prefix += "q"
    mark = re.compile(rf"{prefix}(\d+)z")
    found: dict[str, Message] = {}
    for token in _parser().parse(_marked(body, prefix, places)):
        for child in token.children or ():
            if child.type == "image":
                found["picture"] = Message("pictures are not shown in mails: link to a page with them instead")
            if child.type == "link_open":
                href = str(child.attrs.get("href", ""))
                named = [places[int(number)] for number in mark.findall(href)]
                if any(one.otherwise and not ABSOLUTE.match(one.otherwise) for one in named):
                    found["relative"] = Message("the address of a link must begin with https://")
                if any(not VARIABLES[one.variable].is_url for one in named):
                    found["link"] = Message("in the address of a link only a variable that is an address may stand")
                elif not (ABSOLUTE.match(href) or mark.match(href)):
                    found["relative"] = Message("the address of a link must begin with https://")
    return [FieldProblem("body", code, message) for code, message in found.items()]


class _LetterParser(MarkdownIt):
    """CommonMark with the house's Japanese rules; HTML is text."""

    def __init__(self) -> None:
        super().__init__("gfm-like", _OPTIONS)
        self.inline = JapaneseInline()
        self.configure("gfm-like", _OPTIONS)
        self.disable(["table", "strikethrough"])
        self.inline.ruler.at("linkify", bare_url)


_OPTIONS = {"html": False, "linkify": False, "maxNesting": 10, "xhtmlOut": False, "breaks": True}


_html = RendererHTML()


@cache
def _parser() -> _LetterParser:
    return _LetterParser()


def _dressed(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with styles; a link that is a paragraph of its own becomes a button."""
    found: list[Token] = []
    for token in tokens:
        inside = token.children or []
        if token.type == "inline" and _is_button(inside) and found and found[-1].type == "paragraph_open":
            found.pop()
            found.append(_button(inside))
            continue
        if token.type == "paragraph_close" and found and found[-1].meta.get("button"):
            continue
        for one in (token, *inside):
            if one.nesting >= 0 and one.tag in STYLES:
                one.attrSet("style", STYLES[one.tag])
        found.append(token)
    return found


def _is_button(inside: Sequence[Token]) -> bool:
    links = [one for one in inside if one.type == "link_open"]
    return (
        len(links) == 1 and inside[0] is links[0] and links[0].markup != "linkify" and inside[-1].type == "link_close"
    )


def _button(inside: Sequence[Token]) -> Token:
    # Outlook pads cells and not links.
    href = escape(str(inside[0].attrs.get("href", "")))
    label = _html.renderInline(inside[1:-1], _parser().options, {})
    style = "color:#ffffff;text-decoration:none;font-weight:600;display:inline-block"
    content = (
        '<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:8px 0 24px"><tr>'
        '<td bgcolor="#2f4a8c" style="background-color:#2f4a8c;border-radius:8px;padding:12px 28px">'
        f'<a href="{href}" style="{style}">{label}</a></td></tr></table>\n'
    )
    meta: dict[Any, Any] = {"button": True}
    return Token("html_block", "", 0, content=content, meta=meta)
