"""What a file is, by its content and never by its name.

A name says what somebody believes; what a browser or a spreadsheet makes of a file depends on its bytes. Half a dozen
signatures and the insides of a zip tell the few kinds that are taken; everything else is refused with the list of them.
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Literal

from portal.kit.errors import Invalid
from portal.kit.i18n import Message

HEAD = 4096
TEXT_LOOKED_AT = 1_000_000
MAX_NAME = 150
MAX_ZIP_ENTRIES = 20_000
KNOWN = "PNG, JPEG, GIF, WebP, AVIF, MP4, WebM, PDF, Excel, PowerPoint, Word, ZIP, CSV"

Kind = Literal["image", "video", "file"]


@dataclass(frozen=True)
class FileType:
    """A kind of file that is taken: `label` names it in any language, `suffix` is its own whatever the name said."""

    kind: Kind
    label: str
    media_type: str
    suffix: str


_OFFICE = "application/vnd.openxmlformats-officedocument."
PNG = FileType("image", "PNG", "image/png", ".png")
JPEG = FileType("image", "JPEG", "image/jpeg", ".jpg")
GIF = FileType("image", "GIF", "image/gif", ".gif")
WEBP = FileType("image", "WEBP", "image/webp", ".webp")
AVIF = FileType("image", "AVIF", "image/avif", ".avif")
MP4 = FileType("video", "MP4", "video/mp4", ".mp4")
WEBM = FileType("video", "WebM", "video/webm", ".webm")
PDF = FileType("file", "PDF", "application/pdf", ".pdf")
ZIP = FileType("file", "ZIP", "application/zip", ".zip")
XLSX = FileType("file", "XLSX", f"{_OFFICE}spreadsheetml.sheet", ".xlsx")
PPTX = FileType("file", "PPTX", f"{_OFFICE}presentationml.presentation", ".pptx")
DOCX = FileType("file", "DOCX", f"{_OFFICE}wordprocessingml.document", ".docx")
XLS = FileType("file", "XLS", "application/vnd.ms-excel", ".xls")
PPT = FileType("file", "PPT", "application/vnd.ms-powerpoint", ".ppt")
DOC = FileType("file", "DOC", "application/msword", ".doc")
CSV = FileType("file", "CSV", "text/csv", ".csv")
TEXT = FileType("file", "TXT", "text/plain", ".txt")

_MP4_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash")
_INSIDES = {"xl/workbook.xml": XLSX, "ppt/presentation.xml": PPTX, "word/document.xml": DOCX}
_STREAMS = {"Workbook": XLS, "Book": XLS, "PowerPoint Document": PPT, "WordDocument": DOC}


def type_of(file: BinaryIO, name: str) -> FileType:
    """What `file` is. Raises `Invalid` for what is not taken, with a word on what to do where there is one."""
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise Invalid(Message("This file is empty."))
    for is_it, look in _LOOKS:
        if is_it(head):
            return look(file, head)
    return _text(file, name)


def safe_name(name: str, suffix: str) -> str:
    """`name` as it may stand in an address and on any disk, ending in `suffix`: no path, no marks that disks refuse."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    stem = plain.rpartition(".")[0] or plain
    kept = "".join(
        "_" if character in '<>:"/\\|?*%#&' else character
        for character in stem
        if unicodedata.category(character)[0] != "C"
    )
    return (" ".join(kept.split()).strip(". ")[:MAX_NAME] or "file") + suffix


def _image(found: FileType) -> Callable[[BinaryIO, bytes], FileType]:
    return lambda _file, _head: found


def _box(_file: BinaryIO, head: bytes) -> FileType:
    """ISO base media: the brands at its beginning tell a film from a still picture."""
    length = int.from_bytes(head[:4], "big")
    brands = head[8:12] + head[16 : min(max(length, 16), 256)]
    if b"avif" in brands or b"avis" in brands:
        return AVIF
    if any(brand in brands for brand in (b"heic", b"heix", b"mif1", b"heim")):
        raise Invalid(Message("This is a HEIC picture, which browsers do not show. Please save it as JPEG."))
    if any(brand in brands for brand in _MP4_BRANDS):
        return MP4
    raise Invalid(Message("This film is of a kind browsers do not play. Please save it as MP4 (H.264)."))


def _matroska(_file: BinaryIO, head: bytes) -> FileType:
    if b"webm" in head[:64]:
        return WEBM
    raise Invalid(Message("This film is of a kind browsers do not play. Please save it as MP4 (H.264)."))


def _zip(file: BinaryIO, _head: bytes) -> FileType:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, RecursionError) as error:
        raise Invalid(Message("This file is damaged: it begins like a ZIP and is none.")) from error
    finally:
        file.seek(0)
    if len(names) > MAX_ZIP_ENTRIES:
        raise Invalid(Message("This ZIP holds more than %(most)s files.", most=f"{MAX_ZIP_ENTRIES:,}"))
    if any(name.rpartition("/")[2].lower() == "vbaproject.bin" for name in names):
        raise Invalid(Message("This file holds macros. Please save it without them, as .xlsx, .pptx or .docx."))
    inside = {name.lower() for name in names}
    return next((found for part, found in _INSIDES.items() if part in inside), ZIP)


def _compound(file: BinaryIO, _head: bytes) -> FileType:
    """The Office files of before 2007: what they are is the name of a stream, in UTF-16."""
    overlap = b""
    named = {name.encode("utf-16-le") + b"\0\0": found for name, found in _STREAMS.items()}
    try:
        while block := file.read(1_000_000):
            for name, found in named.items():
                if name in overlap + block:
                    return found
            overlap = block[-64:]
    finally:
        file.seek(0)
    raise _unknown()


def _svg(_file: BinaryIO, _head: bytes) -> FileType:
    raise Invalid(Message("SVG pictures can hold scripts and are not taken. Please save it as PNG."))


def _program(_file: BinaryIO, _head: bytes) -> FileType:
    raise _unknown()


def _text(file: BinaryIO, name: str) -> FileType:
    """Text in UTF-8 or CP932 without control characters; only here the name decides, between CSV and plain text."""
    data = file.read(TEXT_LOOKED_AT)
    file.seek(0)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text: str | None = data[: len(data) // 2 * 2].decode("utf-16", "replace")
    else:
        text = _decoded(data)
    if text is None or any(ord(character) < 32 and character not in "\t\n\r\f" for character in text[:TEXT_LOOKED_AT]):
        raise _unknown()
    if "<svg" in text[:HEAD].lower():
        return _svg(file, data)
    return CSV if PurePath(name.lower()).suffix == ".csv" else TEXT


def _decoded(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp932"):
        for cut in range(4):  # the last character may have been cut in two
            try:
                return data[: len(data) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
    return None


def _unknown() -> Invalid:
    return Invalid(Message("This kind of file is not taken. These are: %(known)s.", known=KNOWN))


_LOOKS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, bytes], FileType]], ...] = (
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _image(PNG)),
    (lambda head: head.startswith(b"\xff\xd8\xff"), _image(JPEG)),
    (lambda head: head.startswith((b"GIF87a", b"GIF89a")), _image(GIF)),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", _image(WEBP)),
    (lambda head: head[4:8] == b"ftyp", _box),
    (lambda head: head.startswith(b"\x1a\x45\xdf\xa3"), _matroska),
    (lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06")), _zip),
    (lambda head: head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), _compound),
    (lambda head: head.lstrip()[:5] == b"%PDF-", lambda _file, _head: PDF),
    (lambda head: head.startswith((b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe")), _program),
)
