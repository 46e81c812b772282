"""Postings as they lie in a row, and as they are counted with: numbers packed into bytes, and arrays of numbers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from portal.search.fold import Folded

PAIR: Final = np.dtype([("place", "<u2"), ("weight", "<u2")])
JUMP: Final = np.dtype("<u4")
Numbers = NDArray[np.int64]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Places:
    """Every entry that has a term, by its number in the catalogue, and what the term weighs there."""

    entries: Numbers
    weights: Weights

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.entries.nbytes + self.weights.nbytes)


def changed(packed: bytes, weights: Mapping[int, int]) -> bytes:
    """The row with these places weighing what is said; 0 takes a place out."""
    there = {**dict(np.frombuffer(packed, PAIR).tolist()), **weights}
    return np.array(sorted((place, weight) for place, weight in there.items() if weight), PAIR).tobytes()


def unpacked(packed: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The places of a row, ascending, and their weights."""
    pairs = np.frombuffer(packed, PAIR)
    return pairs["place"], pairs["weight"]


def packed_jumps(folded: Folded) -> bytes:
    """The way back from a folded text, to be stored beside it."""
    return np.array([folded.places, folded.origins], JUMP).tobytes()


def unfolded(text: str, packed: bytes, length: int) -> Folded:
    """A folded text as it was stored, with the way back to an original of `length` characters."""
    places, origins = np.frombuffer(packed, JUMP).reshape(2, -1).tolist()
    return Folded(text, length, places, origins)


class PostingCache:
    """Places of the terms asked for lately under one state of the index, in at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[str, Places] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, term: str) -> Places | None:
        """What is kept of `term`."""
        with self._lock:
            if term in self._kept:
                self._kept.move_to_end(term)
            return self._kept.get(term)

    def keep(self, term: str, places: Places) -> None:
        """Keep `term`, and let go of what was unused longest."""
        with self._lock:
            if term in self._kept:
                return
            self._kept[term] = places
            self._size += places.size
            while self._size > self._limit and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= gone.size
