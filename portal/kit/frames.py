"""Pages whose frame is kept: the template around the work is rendered once for a reader, and filled each time.

A page is asked for far more often than its bars, menus and forms change, and writing these costs as much as a short
page's own work. So a template is rendered once with slots in place of all that differs from one request to the next,
and a page is the pieces between with the slots filled. A frame holds no right: what a reader may have is decided
before, each time.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from markupsafe import Markup, escape

from portal.kit.i18n import Locale
from portal.kit.memory import Recent
from portal.kit.secrets import new_token
from portal.kit.web import Shell, Site

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    P = TypeVar("P", bound=DataclassInstance)

FRAMES_KEPT = 1000
_SALT = new_token(size=12).replace("-", "_")
_SLOT = re.compile(_SALT + r":(\w+):")
Frame = tuple[list[str], list[str]]
"""The pieces of a page with an empty one for each slot between them, and the names of the slots in their order."""

_frames: Recent[tuple[object, ...], Frame] = Recent(FRAMES_KEPT)


def write_framed(site: Site, template: str, page: P, around: Shell) -> str:
    """The same text as rendering `template` with `page` and `around`, in a fraction of the time.

    Every field of `page` is a `str` or `Markup`; the template may print it and ask whether it is empty, nothing else.
    """
    filling = {
        **{field.name: getattr(page, field.name) for field in fields(page)},
        "csrf": around.csrf,
        "path": around.path,
        **{f"url_{locale}": url for locale, url in around.language_urls.items()},
    }
    given = frozenset(name for name, value in filling.items() if value)
    if around.flash:
        frame = _frame(site, template, type(page), around, given)
    else:
        # By everything of the shell that is not a slot: above all by who is reading, and what they may do.
        who = (around.viewer, tuple(around.memberships), frozenset(around.rights))
        key = (template, around.locale, around.nav, around.vendor_name, given, site.templates.assets.fingerprint)
        frame = _frames.get((*who, *key), lambda: _frame(site, template, type(page), around, given))
    pieces, names = frame
    # `Markup` that is escaped is made anew each time, and a name stands in several slots.
    said = {name: value if isinstance(value, Markup) else escape(value) for name, value in filling.items() if value}
    written = pieces.copy()
    written[1::2] = [said[name] for name in names]
    return "".join(written)


def _frame(site: Site, template: str, kind: type[P], around: Shell, given: frozenset[str]) -> Frame:
    """The page with a slot for all that is of this request."""

    def slot(name: str) -> str:
        return f"{_SALT}:{name}:" if name in given else ""

    page = kind(**{field.name: slot(field.name) for field in fields(kind)})
    urls: dict[Locale, str] = {locale: slot(f"url_{locale}") for locale in around.language_urls}
    shell = replace(around, csrf=slot("csrf"), path=slot("path"), language_urls=urls)
    text = site.templates.render(around.locale, template, {"page": page, "shell": shell})
    pieces = _SLOT.split(text)
    names = pieces[1::2]
    pieces[1::2] = [""] * len(names)
    return pieces, names
