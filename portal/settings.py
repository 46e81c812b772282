"""Settings of an installation, from the environment or `.env`, all with the prefix `BANSO_`.

Read only by the composition root, the command line and the worker: everything else is given what it needs.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal.kit.addresses import networks

LONGEST_MAILBOX = 39
"""A local part has 64 characters at most (RFC 5321), and 25 of them are the suffix."""
LOOPBACK_SECRET = "banso-loopback-only-not-a-secret"  # noqa: S105 - refused beyond loopback


class Settings(BaseSettings):
    """Every setting, its default and what it is for. `docs` of each are in the manual's page on operating."""

    model_config = SettingsConfigDict(env_prefix="BANSO_", env_file=".env", env_file_encoding="utf-8", extra="ignore")

    database_url: str = Field(
        "sqlite:///banso.db", description="sqlite:///file or postgresql://user:password@host/name"
    )
    secret_key: str = Field("", description="Signs forms and encrypts stored secrets; 32 characters or more")
    secret_key_previous: str = Field("", description="The former secret key, while rotating")
    base_url: str = Field("http://127.0.0.1:8000", description="Where people reach the portal; used in mails")
    timezone: str = Field("Asia/Tokyo", description="The vendor's zone: days, windows and deadlines are counted in it")
    locale: Literal["ja", "en"] = Field("ja", description="The language where nobody has chosen one")
    vendor_name: str = Field("Banso", max_length=60, description="The vendor's name, on every page and in every mail")
    smtp_url: str = Field("", description="smtp://user:password@host:587; empty prints mails to the console")
    mail_from: str = Field("", description="The sender of mails; empty is no-reply@ the host of the base URL")
    bounce_to: str = Field(
        "", description="The mailbox for notices of non-delivery, which takes +suffixes; empty is the sender"
    )
    link_minutes: int = Field(30, ge=1, le=1440, description="How long a sign-in link lasts")
    session_days: int = Field(30, ge=1, le=365, description="How long a sign-in lasts without a visit")
    events_per_second: int = Field(50_000, ge=1, description="What one source may send, in each process")
    upload_mb: int = Field(100, ge=1, le=2000, description="The largest file staff may upload or publish, in MB")
    audit_days: int = Field(730, ge=30, le=36500, description="How long lines of the audit log are kept, in days")
    trusted_proxies: str = Field("", description="Addresses or networks, comma-separated, whose X-Forwarded-For counts")
    outbound_allow: str = Field(
        "",
        description="Private networks, comma-separated, that webhooks may be sent to; without it only public addresses",
    )
    metrics_from: str = Field(
        "", description="Addresses or networks, comma-separated, that may read /metrics; none if empty"
    )

    @field_validator("outbound_allow", "metrics_from")
    @classmethod
    def _known_networks(cls, value: str) -> str:
        networks(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}; write one like Asia/Tokyo") from error
        return value

    @field_validator("bounce_to")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        name, _, host = value.rpartition("@")
        if value and not (name and host and "+" not in name and len(name) <= LONGEST_MAILBOX):
            raise ValueError("must be an address like bounces@example.com, without a “+”")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("must have 32 characters or more")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The vendor's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def secret(self) -> str:
        """The secret in use: the set one, or the public one that is good for loopback only."""
        return self.secret_key or LOOPBACK_SECRET

    @property
    def sender(self) -> str:
        """The address mails come from."""
        return self.mail_from or f"no-reply@{urlsplit(self.base_url).hostname or 'localhost'}"

    @property
    def https(self) -> bool:
        """Whether people reach the portal by HTTPS."""
        return self.base_url.startswith("https://")

    def may_serve(self, host: str) -> bool:
        """Whether serving on `host` is safe: with a secret key always, without one on loopback alone."""
        return bool(self.secret_key) or (is_loopback(host) and is_loopback(urlsplit(self.base_url).hostname or ""))


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
