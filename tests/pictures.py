"""Pictures and files for tests, made in memory: small, real, and told apart by their colour or words."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image


def picture(
    width: int = 40, height: int = 30, *, colour: str = "navy", kind: str = "PNG", mode: str = "RGB", **options: object
) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).convert(mode).save(out, kind, **options)
    return out.getvalue()


def moving(width: int = 40, height: int = 30, frames: int = 3, kind: str = "GIF") -> bytes:
    """A picture that moves."""
    shown = [
        Image.new("RGB", (width, height), (37 * number % 256, number % 256, number // 256)) for number in range(frames)
    ]
    out = io.BytesIO()
    shown[0].save(out, kind, save_all=True, append_images=shown[1:], duration=80, loop=0)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it has so many pixels, and truly would unpack to them."""
    row = b"\0" * (width + 1)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")))


def archive(*names: str) -> bytes:
    """A ZIP with empty files of these names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in names:
            packed.writestr(name, b"")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """The picture in `data`, unpacked."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0\0\0\x08free" + bytes(range(256)) * 3000


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
