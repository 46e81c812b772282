"""Pictures made anew: in sizes, upright, without what is not picture; and what is refused before it is unpacked."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from portal.kit.errors import BansoError, Invalid, TooLarge
from portal.media.pictures import remake
from tests.pictures import bomb, moving, opened, picture

SIZES = [
    ((300, 200), [300]),
    ((480, 200), [480]),
    ((1000, 500), [480, 960, 1000]),
    ((3000, 1500), [480, 960, 1600]),
    ((2, 1), [2]),
]


@pytest.mark.parametrize(("size", "widths"), SIZES)
def test_in_the_sizes_that_pages_need(size: tuple[int, int], widths: list[int]) -> None:
    made = remake(io.BytesIO(picture(*size)))
    assert [one.width for one in made.sizes] == widths
    for one in made.sizes:
        shown = opened(one.data)
        assert (shown.format, shown.size) == ("WEBP", (one.width, one.height))
        assert one.name == f"{one.width}.webp"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", mode) for mode in ("1", "L", "P", "LA", "RGBA")]
    + [("JPEG", "L"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGBA"), ("AVIF", "RGB")],
)
def test_of_every_kind(kind: str, mode: str) -> None:
    shown = opened(remake(io.BytesIO(picture(kind=kind, mode=mode, colour="white"))).sizes[0].data)
    red, green, blue = shown.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert min(red, green, blue) > 240


def test_a_picture_of_sixteen_bits_keeps_its_greys() -> None:
    out = io.BytesIO()
    Image.new("I;16", (8, 8), 40_000).save(out, "PNG")
    assert abs(opened(remake(out).sizes[0].data).convert("L").getpixel((4, 4)) - 156) < 4  # type: ignore[operator]


def test_where_a_photo_was_taken_stays_at_home_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    photo = picture(60, 40, kind="JPEG", exif=exif)
    assert b"a camera" in photo
    made = remake(io.BytesIO(photo)).sizes[-1]
    assert (made.width, made.height) == (40, 60)
    assert not opened(made.data).getexif()
    assert b"a camera" not in made.data


def test_what_hides_behind_a_picture_is_left_behind() -> None:
    made = remake(io.BytesIO(picture() + b"<script>alert(1)</script>PK\x03\x04"))
    assert b"script" not in made.sizes[0].data


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_moving_picture_goes_on_moving_and_has_a_still(kind: str) -> None:
    made = remake(io.BytesIO(moving(1200, 300, frames=4, kind=kind)))
    assert [one.width for one in made.sizes] == [960]
    assert getattr(opened(made.sizes[0].data), "n_frames", 1) == 4
    assert made.still is not None
    assert getattr(opened(made.still.data), "n_frames", 1) == 1


@pytest.mark.parametrize(
    "data",
    [
        picture()[:60],
        picture(kind="JPEG")[:400],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"\xff\xd8\xff" + b"\0" * 100,
        b"GIF89a" + b"\xff" * 100,
        b"RIFF\x40\0\0\0WEBPVP8 " + b"\xff" * 60,
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\xff" * 60,
    ],
    ids=["cut png", "cut jpeg", "png", "jpeg", "gif", "webp", "avif"],
)
def test_damaged(data: bytes) -> None:
    with pytest.raises(Invalid):
        remake(io.BytesIO(data))


@pytest.mark.parametrize("size", [(20_000, 20_000), (50_001, 1), (1, 40_000)])
def test_a_bomb_is_refused_before_a_pixel_is_unpacked(size: tuple[int, int]) -> None:
    data = bomb(*size)
    assert len(data) < 100_000
    with pytest.raises(TooLarge):  # unpacking it would have found it cut short
        remake(io.BytesIO(data))


def test_a_moving_picture_without_end_is_refused() -> None:
    with pytest.raises(BansoError):
        remake(io.BytesIO(moving(4, 4, frames=500)))
