"""What a document can show besides words: pictures, videos and files of the portal's own, and videos of two hosts.

The renderer knows nothing of where they are kept: it asks for a target, and is told what to write. A video of another
site is a plain link until somebody chooses to play it, so that reading an article tells nobody else about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlsplit

from portal.kit.i18n import Message

SIZES_FROM = 640
"""The measure of running text in CSS pixels: no picture is shown wider."""


@dataclass(frozen=True)
class Picture:
    """A picture of the portal's own. `srcset` may be empty; `still` is its first frame, where it moves.

    `alt` is its description where the author has written none. `address` changes whenever the picture does.
    """

    address: str
    src: str
    srcset: str = ""
    width: int = 0
    height: int = 0
    alt: str = ""
    still: str = ""


@dataclass(frozen=True)
class Video:
    """A video of the portal's own; its size is 0 where it is not known."""

    address: str
    src: str
    width: int = 0
    height: int = 0
    alt: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file to take along. `about` says what it is in any language: `PDF · 1.2 MB`."""

    address: str
    src: str
    about: str
    alt: str = ""


@dataclass(frozen=True)
class Embed:
    """A video of another site: its page, and the player that is loaded once somebody asks for it."""

    host: str
    page: str
    player: str


Media = Picture | Video | Attachment
FindMedia = Callable[[str], Media | Message | None]
"""Says what a target is: something to show, None where there is no such thing, or why it cannot be shown."""

PLAYERS = ("https://www.youtube-nocookie.com/embed/", "https://player.vimeo.com/video/")
"""The beginnings of every address a frame may ever have; the page's policy names their hosts."""
_YOUTUBE = {"youtube.com", "www.youtube.com", "m.youtube.com", "youtube-nocookie.com", "www.youtube-nocookie.com"}
_YOUTUBE_PATH = re.compile(r"/(?:embed|shorts|live|v)/([\w-]{11})/?", re.ASCII)
_YOUTUBE_ID = re.compile(r"[\w-]{11}", re.ASCII)
_VIMEO_PATH = re.compile(r"/(?:video/)?(\d{6,12})(?:/([0-9a-f]{6,20}))?/?")
_SECONDS = re.compile(r"(\d{1,5})s?")


def embed_of(url: str) -> Embed | None:
    """The video that `url` is the page of, on a host whose player may be loaded; None for any other address."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.username is not None:
        return None
    host, query = (parts.hostname or "").lower(), parse_qs(parts.query)
    if host in _YOUTUBE or host == "youtu.be":
        return _youtube(host, parts.path, query)
    if host in ("vimeo.com", "www.vimeo.com", "player.vimeo.com"):
        found = _VIMEO_PATH.fullmatch(parts.path)
        if found is None:
            return None
        secret = found[2] or next((one for one in query.get("h", ()) if re.fullmatch(r"[0-9a-f]{6,20}", one)), "")
        page = f"https://vimeo.com/{found[1]}" + (f"/{secret}" if secret else "")
        hashed = f"&h={secret}" if secret else ""
        return Embed("Vimeo", page, f"{PLAYERS[1]}{found[1]}?autoplay=1&dnt=1{hashed}")
    return None


def _youtube(host: str, path: str, query: dict[str, list[str]]) -> Embed | None:
    if host == "youtu.be":
        named = path.removeprefix("/").removesuffix("/")
    elif path == "/watch":
        named = query.get("v", [""])[0]
    else:
        found = _YOUTUBE_PATH.fullmatch(path)
        named = found[1] if found else ""
    if not _YOUTUBE_ID.fullmatch(named):
        return None
    started = _SECONDS.fullmatch((query.get("t") or query.get("start") or [""])[0])
    page = f"https://www.youtube.com/watch?v={named}" + (f"&t={started[1]}" if started else "")
    start = f"&start={started[1]}" if started else ""
    return Embed("YouTube", page, f"{PLAYERS[0]}{named}?autoplay=1{start}")


def has_players(html: str) -> bool:
    """Whether a rendered text can play films of other sites."""
    return "data-embed=" in html


def picture_html(picture: Picture, *, alt: str, title: str = "") -> str:
    """An `<img>` that keeps its place free and loads what fits the window; of a moving one, the still for who asks."""
    attributes = [f'src="{escape(picture.src)}" alt="{escape(alt or picture.alt)}"']
    if title:
        attributes.append(f'title="{escape(title)}"')
    if picture.width and picture.height:
        attributes.append(f'width="{picture.width}" height="{picture.height}"')
        if picture.srcset:
            shown = min(picture.width, SIZES_FROM)
            attributes.append(f'srcset="{escape(picture.srcset)}" sizes="(max-width: {shown}px) 92vw, {shown}px"')
    image = f'<img {" ".join(attributes)} loading="lazy" decoding="async">'
    if not picture.still:
        return image
    still = f'<source media="(prefers-reduced-motion: reduce)" srcset="{escape(picture.still)}">'
    return f"<picture>{still}{image}</picture>"


def video_html(video: Video, *, alt: str) -> str:
    """A player of the browser's own, which fetches no more than it needs to begin; a link where there is none."""
    size = f' width="{video.width}" height="{video.height}"' if video.width and video.height else ""
    name, src = escape(alt or video.alt), escape(video.src)
    return (
        f'<video src="{src}" controls preload="metadata"{size} aria-label="{name}"><a href="{src}">{name}</a></video>'
    )


def attachment_html(file: Attachment, *, words: str) -> str:
    """A link that says what one gets, for files that were written as pictures."""
    return f'<a class="attachment" href="{escape(file.src)}">{words or escape(file.alt)}{about_html(file)}</a>'


def about_html(file: Attachment) -> str:
    """What kind of file and how large, at the end of its link."""
    return f' <span class="attachment-about">({escape(file.about)})</span>'


def embed_html(embed: Embed, *, alt: str) -> str:
    """A link to the video's page; a script turns it into the player when it is chosen."""
    title = escape(alt or embed.host, quote=False)
    return (
        f'<a class="embed" href="{escape(embed.page)}" rel="noopener" data-embed="{escape(embed.player)}">'
        f'<span class="embed-title">{title}</span> <span class="embed-host">{embed.host}</span></a>'
    )
