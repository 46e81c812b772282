"""Bytes in the database, in pieces, under their own digest.

Pieces and not one value a file: PostgreSQL and SQLite both read a value whole, and a seek in a film would cost all of
it. Kept twice is kept once, and what was begun and never finished is found by nobody until upkeep sweeps it away.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from functools import partial
from typing import BinaryIO

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.kit.db import Database
from portal.media.models import MediaBlob, MediaPiece, MediaRendition

PIECE = 256 * 1024
AT_ONCE = 8
"""Pieces written in one unit of work: short enough that no other writer waits long."""


def digest_of(file: BinaryIO) -> str:
    """The SHA-256 of `file`, which is read from its beginning and left there."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1_000_000):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()


def keep(session: Session, digest: str, file: BinaryIO, *, size: int, now: datetime) -> None:
    """Keep all of `file`, in this one transaction."""
    begin(session, digest, size=size, now=now)
    for pieces in _in_groups(file):
        put(session, digest=digest, pieces=pieces)


async def keep_large(database: Database, digest: str, file: BinaryIO, *, size: int, now: datetime) -> None:
    """Keep all of `file`, some pieces a transaction, so that others write meanwhile."""
    await database.write(lambda session: begin(session, digest, size=size, now=now))
    for pieces in _in_groups(file):
        await database.write(partial(put, digest=digest, pieces=pieces))


def begin(session: Session, digest: str, *, size: int, now: datetime) -> None:
    """Say that a blob is about to come; upkeep leaves it alone for a day."""
    row = {"digest": digest, "size": size, "kept_at": now}
    insert_missing(session, MediaBlob, [row], returning=("digest",))
    session.execute(update(MediaBlob).where(col(MediaBlob.digest) == digest).values(kept_at=now))


def put(session: Session, *, digest: str, pieces: list[tuple[int, bytes]]) -> None:
    """Keep some pieces, by their numbers; those that are there already stay."""
    rows = [{"blob": digest, "number": number, "data": data} for number, data in pieces]
    insert_missing(session, MediaPiece, rows, returning=("number",))


async def read(database: Database, digest: str, *, first: int, last: int) -> AsyncIterator[bytes]:
    """The bytes from `first` to `last`, both included, one piece at a time."""
    for number in range(first // PIECE, last // PIECE + 1):
        data = await database.read(partial(piece, digest=digest, number=number))
        start = number * PIECE
        yield data[max(first - start, 0) : last - start + 1]


def part(session: Session, *, digest: str, first: int, last: int) -> bytes:
    """The bytes from `first` to `last`, both included, at once: for what is small enough to be held."""
    numbers = range(first // PIECE, last // PIECE + 1)
    data = b"".join(piece(session, digest=digest, number=number) for number in numbers)
    start = first - numbers.start * PIECE
    return data[start : start + last - first + 1]


def piece(session: Session, *, digest: str, number: int) -> bytes:
    """One piece of a blob."""
    data = session.execute(
        select(col(MediaPiece.data)).where(col(MediaPiece.blob) == digest, col(MediaPiece.number) == number)
    ).scalar_one()
    return bytes(data)


def sweep(session: Session, *, before: datetime) -> int:
    """Forget blobs that nothing uses, unless they were stored since `before`; how many."""
    used = select(col(MediaRendition.blob))
    gone = delete(MediaBlob).where(col(MediaBlob.kept_at) < before, col(MediaBlob.digest).not_in(used))
    return int(session.execute(gone).rowcount)  # type: ignore[attr-defined]


def _in_groups(file: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    file.seek(0)
    number = 0
    while True:
        group: list[tuple[int, bytes]] = []
        while len(group) < AT_ONCE and (data := file.read(PIECE)):
            group.append((number, data))
            number += 1
        if not group:
            return
        yield group
