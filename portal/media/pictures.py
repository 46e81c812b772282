"""Pictures made anew: whatever comes in, what is kept is WebP that this portal wrote, in the sizes pages need.

Decoding and writing again leaves behind everything that is not picture: where a photo was taken, a second file hidden
behind the first, a decoder's trap for the next program. What a picture *says* of its size is checked before a single
pixel is unpacked, so a small file cannot become a large memory.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageCms, ImageOps, ImageSequence

from portal.kit.errors import Invalid, TooLarge
from portal.kit.i18n import Message

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF")
WIDTHS = (480, 960, 1600)
MAX_HEIGHT = 10_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 30_000
MAX_FRAMES = 400
MAX_MOVING_PIXELS = 60_000_000
"""Frames times pixels of a moving picture: what has to be unpacked and packed again, one after the other."""
MOVING_WIDTH = 960
QUALITY = 82

_AT_ONCE = threading.BoundedSemaphore(2)
# Ours is stricter and asked of everything that is opened; Pillow's own would warn where it should refuse.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Rendered:
    """One size of a picture, as WebP. `name` is the last part of its address."""

    name: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Remade:
    """A picture in all its sizes, the largest last; `still` is the first frame of a moving one."""

    sizes: tuple[Rendered, ...]
    still: Rendered | None = None


def measure(file: BinaryIO) -> None:
    """Look whether a picture may be taken, as far as its head tells. Raises `Invalid` or `TooLarge`."""
    with _opened(file):
        pass


def remake(file: BinaryIO) -> Remade:
    """The picture, upright, in sRGB, without anything that is not picture. Raises `Invalid` or `TooLarge`.

    Two at a time in one process: an unpacked picture takes up to 200 MB.
    """
    with _AT_ONCE, _opened(file) as image:
        try:
            if _frames(image) > 1:
                return _moving(image)
            crisp = image.format in ("PNG", "GIF")
            if image.format == "JPEG":
                image.draft("RGB", (WIDTHS[-1] * 2, MAX_HEIGHT))
            return Remade(tuple(_sizes(_upright(image), crisp=crisp)))
        except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
            raise _damaged() from error


def _opened(file: BinaryIO) -> Image.Image:
    file.seek(0)
    try:
        image = Image.open(file, formats=FORMATS)
        width, height = image.size
        frames = _frames(image)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise _damaged() from error
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        image.close()
        raise _too_many_pixels()
    if frames > MAX_FRAMES or (frames > 1 and frames * width * height > MAX_MOVING_PIXELS):
        image.close()
        raise TooLarge(Message("This moving picture is too long. Please make it shorter or smaller, or use a video."))
    return image


def _frames(image: Image.Image) -> int:
    """How many pictures it shows one after the other. What some cameras append to a JPEG is no movement."""
    return int(getattr(image, "n_frames", 1)) if image.format in ("GIF", "PNG", "WEBP", "AVIF") else 1


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its camera was held, in sRGB, as RGB or RGBA."""
    turned = ImageOps.exif_transpose(image)
    wanted = "RGBA" if turned.has_transparency_data else "RGB"
    profile = turned.info.get("icc_profile")
    if profile and turned.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(
                turned, source, ImageCms.createProfile("sRGB"), outputMode=wanted if turned.mode != "L" else "RGB"
            )
            if made is not None:
                return made.convert(wanted)
        except (ImageCms.PyCMSError, ValueError, OSError):
            pass  # a profile nobody can read changes no colours
    if turned.mode.startswith(("I;16", "I")) or turned.mode == "F":
        turned = turned.convert("I").point(lambda value: value / 256).convert("L")
    return turned.convert(wanted)


def _sizes(image: Image.Image, *, crisp: bool) -> Iterator[Rendered]:
    """`crisp` pictures (screens, drawings) keep every pixel at full size where that costs little."""
    largest = min(image.width, WIDTHS[-1], max(1, MAX_HEIGHT * image.width // image.height))
    for width in (*(one for one in WIDTHS if one < largest), largest):
        height = max(1, round(image.height * width / image.width))
        full = width == image.width
        shown = image if full else image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        data = _webp(shown, quality=QUALITY)
        if crisp and full:
            exact = _webp(shown, lossless=True, quality=40)
            data = exact if len(exact) <= len(data) * 1.3 else data
        yield Rendered(f"{width}.webp", width, height, data)


def _moving(image: Image.Image) -> Remade:
    """The same movement, no wider than text, and its first frame for those who asked for less movement."""
    width = min(image.width, MOVING_WIDTH)
    height = max(1, round(image.height * width / image.width))
    frames: list[Image.Image] = []
    lasts: list[int] = []
    for frame in ImageSequence.Iterator(image):
        lasts.append(max(20, int(frame.info.get("duration") or 100)))
        shown = frame.convert("RGBA")
        frames.append(shown if shown.width == width else shown.resize((width, height), Image.Resampling.LANCZOS))
    out = io.BytesIO()
    frames[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=lasts,
        loop=int(image.info.get("loop", 1) or 0),
        quality=70,
        method=3,
    )
    still = Rendered("still.webp", width, height, _webp(frames[0], quality=QUALITY))
    return Remade((Rendered(f"{width}.webp", width, height, out.getvalue()),), still)


def _webp(image: Image.Image, **options: int | bool) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", method=4, exif=b"", icc_profile=b"", **options)
    return out.getvalue()


def _damaged() -> Invalid:
    return Invalid(Message("This picture is damaged or is not what it says it is."))


def _too_many_pixels() -> TooLarge:
    return TooLarge(
        Message(
            "This picture has too many pixels: at most %(most)s million are taken. Please make it smaller.",
            most=MAX_PIXELS // 1_000_000,
        )
    )
