"""API keys: the file that holds their hashes, and the look-up.

A key is the text `ekiben_<id>_<64 hex digits>`, 256 random bits. Its SHA-256 is all
that is stored: nothing shorter than the key itself is worth guessing, so no slow hash is needed.
Two keys may have one id: while a caller changes from one to the other.

    {"format": 1, "keys": [{"id": "web", "sha256": "<64 hex digits>", "groups": ["predict"],
                            "created": "2026-03-03T08:00:00Z", "not_before": null,
                            "expires": "2026-06-01T08:00:00Z"}]}
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ekiben.serving.access import document
from ekiben.serving.access.credential import Grant, groups
from ekiben.serving.caller import Caller
from ekiben.serving.exchange import Group

PREFIX = "ekiben_"
ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
MOST_KEYS = 1_000  # a Secret holds 1 MiB, about five times as many
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEMBERS = frozenset({"id", "sha256", "groups", "created", "not_before", "expires"})
_REMEDY = "write it with `ekiben key create | rotate | revoke`"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is stored of one key.

    Attributes:
        id: Whose it is; also the caller's name in logs and limits.
        sha256: Of the key's text, hex.
        groups: What it may call.
        created: When it was made.
        not_before: When it begins to be valid; None at once.
        expires: When it ends; None never.
    """

    id: str
    sha256: str
    groups: frozenset[Group]
    created: datetime
    not_before: datetime | None = None
    expires: datetime | None = None

    def document(self) -> dict[str, Any]:
        """Give its part of the file."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            "groups": sorted(self.groups),
            "created": written(self.created),
            "not_before": None if self.not_before is None else written(self.not_before),
            "expires": None if self.expires is None else written(self.expires),
        }


def written(moment: datetime) -> str:
    """Write a moment as the file has it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256(text: str) -> str:
    """Hash a key's text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse(content: bytes) -> tuple[KeyRecord, ...]:
    """Read the file.

    Raises:
        ConfigError: It is not of this form, or a key is there twice; no message holds a value.
    """
    return document.parse(content, "keys.json", _records, _REMEDY)


def grants(records: Iterable[KeyRecord]) -> Mapping[bytes, Grant]:
    """Index keys by the bytes of their hash."""
    return {
        bytes.fromhex(record.sha256): Grant(
            Caller(record.id, record.groups),
            -math.inf if record.not_before is None else record.not_before.timestamp(),
            math.inf if record.expires is None else record.expires.timestamp(),
        )
        for record in records
    }


def _records(found: Any) -> tuple[KeyRecord, ...]:
    parts = document.members(found, frozenset({"format", "keys"}))["keys"]
    if not isinstance(parts, list) or len(parts) > MOST_KEYS:
        raise ValueError(f"expected keys: a list of at most {MOST_KEYS}")
    records = tuple(document.at(f"/keys/{place}", _record, part) for place, part in enumerate(parts))
    if len({record.sha256 for record in records}) != len(records):
        raise ValueError("expected each key once")
    return records


def _record(part: Any) -> KeyRecord:
    found = document.members(part, _MEMBERS)
    if not isinstance(found["id"], str) or not ID.fullmatch(found["id"]):
        raise ValueError("expected an id of lower-case letters, digits and dashes, at most 40")
    if not isinstance(found["sha256"], str) or not _SHA256.fullmatch(found["sha256"]):
        raise ValueError("expected sha256, 64 hex digits")
    return KeyRecord(
        found["id"],
        found["sha256"],
        groups(document.texts(found["groups"], "groups")),
        _moment(found["created"], "created"),
        None if found["not_before"] is None else _moment(found["not_before"], "not_before"),
        None if found["expires"] is None else _moment(found["expires"], "expires"),
    )


def _moment(part: Any, name: str) -> datetime:
    try:
        return datetime.strptime(part, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise ValueError(f"expected {name} as 2026-03-03T08:00:00Z") from None
