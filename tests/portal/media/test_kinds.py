"""What a file is, by its content; and the name it is saved under."""

from __future__ import annotations

import io

import pytest

from portal.kit.errors import Invalid
from portal.media.kinds import safe_name, type_of
from tests.pictures import MP4, PDF, archive, moving, picture

OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
TAKEN = [
    # the name it comes with, its content, what it is
    ("a.png", picture(), "PNG"),
    ("a.pdf", picture(kind="JPEG"), "JPEG"),
    ("a.exe", moving(), "GIF"),
    ("a", picture(kind="WEBP"), "WEBP"),
    ("a.heic", picture(kind="AVIF"), "AVIF"),
    ("a.pdf", PDF, "PDF"),
    ("a.png", b"\n\n" + PDF, "PDF"),
    ("a.mov", MP4, "MP4"),
    ("a.mp4", b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x82\x84webm", "WebM"),
    ("a.zip", archive("a.txt"), "ZIP"),
    ("empty.zip", archive(), "ZIP"),
    ("a.zip", archive("[Content_Types].xml", "xl/workbook.xml"), "XLSX"),
    ("a.xlsx", archive("[Content_Types].xml", "ppt/presentation.xml"), "PPTX"),
    ("a.bin", archive("[Content_Types].xml", "word/document.xml"), "DOCX"),
    ("a.doc", OLD_OFFICE + "Workbook\0".encode("utf-16-le"), "XLS"),
    ("a.doc", OLD_OFFICE + b"\0" * 999_480 + "WordDocument\0".encode("utf-16-le"), "DOC"),
    ("a.ppt", OLD_OFFICE + "PowerPoint Document\0".encode("utf-16-le"), "PPT"),
    ("料金.csv", "プラン,月額\r\nスタータ,1000\r\n".encode("cp932"), "CSV"),
    ("料金.CSV", "プラン,月額\n".encode("utf-8-sig"), "CSV"),
    ("a.html", b"<p>hello</p>", "TXT"),
    ("a.txt", ("あ" * 333_334).encode()[:1_000_000], "TXT"),
]


@pytest.mark.parametrize(("name", "data", "label"), TAKEN, ids=[f"{name} {label}" for name, _, label in TAKEN])
def test_the_content_says_what_it_is(name: str, data: bytes, label: str) -> None:
    assert type_of(io.BytesIO(data), name).label == label


REFUSED = [
    (b"", "empty"),
    (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "SVG"),
    (b"MZ\x90\0" + b"\0" * 200, "not taken"),
    (b"\x7fELF" + b"\0" * 200, "not taken"),
    (b"#!/bin/sh\necho\n", "not taken"),
    (b"\0\1\2\3 binary", "not taken"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "MP4"),
    (b"\x1a\x45\xdf\xa3\x42\x82\x88matroska", "MP4"),
    (b"PK\x03\x04 and no more", "damaged"),
    (archive("xl/workbook.xml", "xl/vbaProject.bin"), "macros"),
    (OLD_OFFICE, "not taken"),
]


@pytest.mark.parametrize(("data", "said"), REFUSED, ids=range(len(REFUSED)))
def test_everything_else_is_refused_in_words(data: bytes, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        type_of(io.BytesIO(data), "a.png")
    assert said in str(refused.value)


NAMES = [
    ("料金表.xlsx", "料金表.xlsx"),
    ("C:\\Users\\taro\\料金表.XLSX", "料金表.xlsx"),
    ("../../etc/passwd", "passwd.xlsx"),
    ('a"b<c>:d|e?f*g%h.csv', "a_b_c__d_e_f_g_h.xlsx"),
    ("a\u202egnp.xlsx", "agnp.xlsx"),
    ("  . .xlsx", "file.xlsx"),
    ("", "file.xlsx"),
    ("か\u3099.xlsx", "が.xlsx"),
    ("あ" * 400 + ".xlsx", "あ" * 150 + ".xlsx"),
]


@pytest.mark.parametrize(("name", "safe"), NAMES)
def test_a_name_that_no_disk_and_no_address_trips_over(name: str, safe: str) -> None:
    assert safe_name(name, ".xlsx") == safe
