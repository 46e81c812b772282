"""Keys, tokens and what is encrypted at rest, all from the installation's one secret key.

Each purpose gets a key of its own (HKDF, RFC 5869), so that a token signed for one is worthless for another. While a
secret key is being changed, the previous one still opens what it closed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Secrets:
    """Made once from the settings. `previous` is honoured for reading, never used for writing."""

    def __init__(self, current: str, previous: str = "") -> None:
        self._keys = [current, *([previous] if previous else [])]

    def encrypt(self, text: str) -> str:
        """`text`, so that only holders of the secret key can read it back."""
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """What `encrypt` was given; a `ValueError` where neither key opens it."""
        try:
            return self._fernet().decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise ValueError("this was encrypted under another secret key") from error

    def mac(self, purpose: str, value: str) -> str:
        """64 hex characters that only a holder of the secret key can make for `value`."""
        return self.macs(purpose, value)[0]

    def verify(self, purpose: str, value: str, mac: str) -> bool:
        """Whether `mac` was made for `value` and `purpose`, in constant time."""
        given = mac.encode("utf-8", "replace")
        return any(hmac.compare_digest(known.encode(), given) for known in self.macs(purpose, value))

    def macs(self, purpose: str, value: str) -> list[str]:
        """What `mac` makes now, and what it made under the previous key: to find what either has marked."""
        return [hmac.digest(derive(key, purpose), value.encode(), "sha256").hex() for key in self._keys]

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(base64.urlsafe_b64encode(derive(key, "encrypt"))) for key in self._keys])


@lru_cache(maxsize=64)
def derive(key: str, purpose: str) -> bytes:
    """32 bytes for one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"banso:{purpose}".encode()).derive(key.encode())


def new_token(prefix: str = "", *, size: int = 32) -> str:
    """A fresh random token of `size` bytes, URL-safe, after `prefix`."""
    return prefix + secrets.token_urlsafe(size)


def hash_token(token: str) -> str:
    """What is stored of a random token: SHA-256 in hex. (Random tokens need no slow hash.)"""
    return hashlib.sha256(token.encode()).hexdigest()
