"""Every address of a document: safe, found, and marked when it leads elsewhere.

An address that is not safe or leads nowhere loses its link and keeps its words, and the author is told the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from markdown_it.token import Token

from portal.kit.i18n import Message
from portal.kit.markdown.headings import slug_of
from portal.kit.markdown.media import Attachment, FindMedia, Media, embed_of
from portal.kit.markdown.wall import ID_PREFIX, SCHEMES

Resolve = Callable[[str], str | None]

BEFORE_COLON = re.compile(r"^([^/?#]*?):")
IGNORED = re.compile(r"[\x00-\x20\x7f-\x9f]")


@dataclass
class Links:
    """The addresses of one document as they are met."""

    prefix: str
    ids: frozenset[str]
    resolve: Resolve | None
    media: FindMedia | None
    warnings: list[tuple[int, Message]]
    found: dict[str, None] = field(default_factory=dict)
    attached: Attachment | None = None

    def settle(self, tokens: list[Token]) -> None:
        """Go through all inline tokens, each link and picture once."""
        for token in tokens:
            if token.type == "inline" and token.children:
                line = token.map[0] + 1 if token.map else 1
                token.children = self._settle_children(token.children, line)

    def _settle_children(self, children: list[Token], line: int) -> list[Token]:
        kept: list[Token] = []
        open_links: list[bool] = []
        for token in children:
            if token.type in ("softbreak", "hardbreak"):
                line += 1
            elif token.type == "link_open":
                open_links.append(self._settle_link(token, line))
                if not open_links[-1]:
                    continue
            elif token.type == "link_close":
                if not open_links.pop():
                    continue
                if self.attached is not None:
                    kept.append(Token("attachment_about", "", 0, meta={"file": self.attached}))
                    self.attached = None
            elif token.type == "image" and not self._settle_image(token, line):
                kept.extend(token.children or ())
                continue
            kept.append(token)
        return kept

    def _settle_link(self, token: Token, line: int) -> bool:
        href = str(token.attrGet("href") or "")
        target = self._target(href, line)
        if target is None:
            return False
        if not isinstance(target, str):
            token.attrSet("href", target.src)
            if isinstance(target, Attachment):
                token.attrSet("class", "attachment")
                self.attached = target
            self.found[target.src] = None
            return True
        token.attrSet("href", target)
        if is_external(target):
            token.attrSet("class", "external")
            token.attrSet("rel", "noopener")
        if not target.startswith("#"):
            self.found[target] = None
        return True

    def _settle_image(self, token: Token, line: int) -> bool:
        source = str(token.attrGet("src") or "")
        described = bool(token.content.strip())
        if embed := embed_of(source):
            token.meta["embed"] = embed
        elif self._is_ours(source):
            found = self._find(source)
            if found is None or isinstance(found, Message):
                self._warn(line, found or Message("there is no picture “%(target)s”", target=_short(source)))
                return False
            token.meta["media"] = found
            described = described or bool(found.alt)
        elif not source or source.startswith("#") or not _is_safe(source) or _scheme(source) in ("mailto", "tel"):
            self._warn(line, Message("“%(target)s” cannot be shown as a picture", target=_short(source)))
            return False
        if not described:
            self._warn(line, Message("this picture has no description: write it in the square brackets"))
        return True

    def _is_ours(self, url: str) -> bool:
        """Whether `url` may name something that is kept in the portal."""
        return self.media is not None and (_scheme(url) == "media" or url.startswith("/media/") or _is_relative(url))

    def _find(self, url: str) -> Media | Message | None:
        return self.media(unquote(url.partition("#")[0])) if self.media else None

    def _target(self, href: str, line: int) -> str | Media | None:
        if not href:
            self._warn(line, Message("this link has no address"))
            return None
        ours = self._is_ours(href)
        if not ours and not _is_safe(href):
            self._warn(line, Message("“%(target)s” is not an address a link may have", target=_short(href)))
            return None
        if href.startswith("#"):
            return self._in_page(href, line)
        relative = _is_relative(href)
        if not ours and (self.resolve is None or not relative):
            return href
        path, _, fragment = href.partition("#")
        if self.resolve is not None and relative and (page := self.resolve(unquote(path))) is not None:
            return f"{page}#{_anchor(fragment, '')}" if fragment else page
        found = self._find(href)
        if found is None or isinstance(found, Message):
            self._warn(line, found or Message("the link “%(target)s” leads nowhere", target=_short(href)))
            return None
        return found

    def _in_page(self, href: str, line: int) -> str | None:
        anchor = _anchor(href[1:], self.prefix)
        if anchor in self.ids:
            return f"#{anchor}"
        self._warn(line, Message("there is no heading “%(target)s” on this page", target=_short(href)))
        return None

    def _warn(self, line: int, message: Message) -> None:
        self.warnings.append((line, message))


def is_external(url: str) -> bool:
    """Whether `url` leaves the portal; `//host` and what browsers read as such do too."""
    return _scheme(url) in ("http", "https") or url[:2].replace("\\", "/") == "//"


def _anchor(fragment: str, prefix: str) -> str:
    text = unquote(fragment)
    return text if text.startswith(ID_PREFIX) else f"{ID_PREFIX}{prefix}{slug_of(text)}"


def _scheme(url: str) -> str | None:
    """What stands before the first colon, read as loosely as a browser does."""
    found = BEFORE_COLON.match(IGNORED.sub("", url))
    return found[1].lower() if found else None


def _is_safe(url: str) -> bool:
    return _scheme(url) in (None, *SCHEMES)


def _is_relative(url: str) -> bool:
    return _scheme(url) is None and not url.startswith(("/", "\\", "#", "?"))


def _short(url: str) -> str:
    text = unquote(url)
    return text if len(text) <= 80 else text[:79] + "…"
