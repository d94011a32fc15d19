"""Names for versions of a model: `in-service`, and whatever a team calls its own.

An alias names one version and is moved, never copied; `latest` is BentoML's
own and always the version trained last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ekiben.artefact import ledger, store
from ekiben.artefact.ledger import Event
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag

IN_SERVICE = "in-service"  # what a verified release serves, or what was promoted
LATEST = "latest"
_ALIAS = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")  # as a model's name
_VERSION = re.compile(r"[0-9a-f]{16}")


def resolve(name: str, alias: str, home: Path | None = None) -> ModelTag | None:
    """Find the version that an alias names.

    Args:
        name: The model.
        alias: E.g. `in-service`, or BentoML's `latest`.
        home: BentoML's home; None takes the usual one.

    Returns:
        The version; None if the alias was never set. A version that somebody removed past ekiben is
        returned all the same: reading it then says so.

    Raises:
        ConfigError: The ledger cannot be read.
    """
    base = home or store.home()
    known = ledger.read(name, base)
    version = store.latest(name, base) if alias == LATEST else known.aliases.get(alias)
    return ModelTag(name, version) if version else None


def assign(
    name: str,
    alias: str,
    tag: ModelTag,
    *,
    at: datetime,
    by: str,
    kind: str = "promoted",
    evidence: Mapping[str, Any] | None = None,
    home: Path | None = None,
) -> bool:
    """Let an alias name a version of the store; killed at any moment, it names the old one or the new one.

    Args:
        name: The model.
        alias: Lower case, digits and dashes; not `latest`.
        tag: The version; its files must be as they were stored.
        at: Now, with its zone.
        by: User of the operating system.
        kind: `promoted`, or `released` with the release record as evidence.
        evidence: What the assignment rests on; JSON.
        home: BentoML's home; None takes the usual one.

    Returns:
        True if it was written; False if the last event said the very same.

    Raises:
        ConfigError: No such alias can be, or the version is not in the store, or its files were changed.
    """
    checked(alias)
    base = home or store.home()
    if tag.name != name:
        raise ConfigError(f"expected a version of {name}, found {tag}")
    with store.staging(base) as staging:
        store.require(tag, base)
        known = ledger.read(name, base)
        event = Event(kind, tag.version, at.isoformat(), by, alias, dict(evidence or {}))
        if known.aliases.get(alias) == tag.version and _said(known, event):
            return False
        ledger.write(known.having(event), base, staging)
    return True


def checked(alias: str) -> str:
    """Return an alias that can be set.

    Raises:
        ConfigError: It cannot.
    """
    if alias == LATEST or not _ALIAS.fullmatch(alias) or _VERSION.fullmatch(alias):
        raise ConfigError(
            f"expected an alias in lower case, digits and dashes (40 at most), found {alias!r}",
            remedy="`latest` is BentoML's own and 16 hex digits are a version: take another word",
        )
    return alias


def _said(known: ledger.Ledger, event: Event) -> bool:
    """Whether the last event of this alias differs in nothing but its time and its user."""
    last = next((each for each in reversed(known.events) if each.alias == event.alias), None)
    return last is not None and (last.kind, last.evidence) == (event.kind, event.evidence)
