"""The operator's side of API keys: what is written into the Secret that the pods read.

Only hashes are stored. The text of a key exists once, in the value that `create`
and `rotate` return. Running pods see a change within seconds, or within a
minute and a half (the kubelet's period) where they may not be patched;
nothing is restarted.

Pure but for `read` and `change`, which need the verbs get, create and update
on Secrets of the release's namespace, and list and patch on its pods.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ekiben.clients.cluster import Cluster
from ekiben.clients.namespaces import MANAGED_BY
from ekiben.errors import ClusterError, ConfigError
from ekiben.serving.access import keys as file
from ekiben.serving.access.keys import KeyRecord
from ekiben.serving.exchange import Group

_log = logging.getLogger(__name__)
OWN = "ekiben"  # the id of the key that releases are proven with
FILE = "keys.json"
SECRET_BYTES = 32  # 256 bits
LIVE_OF_ONE_ID = 2  # one that is in use, and one that callers change to
_FINGERPRINT = 12  # hex digits of a hash, enough to tell a thousand keys apart
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([1-9]\d{0,6})([mhd])")

Records = tuple[KeyRecord, ...]


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key.

    Attributes:
        text: What the caller sends; shown to the operator once, stored nowhere.
        record: What is stored.
    """

    text: str = field(repr=False)
    record: KeyRecord


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as `ekiben key list` shows it.

    Attributes:
        id: Whose it is.
        fingerprint: Start of its hash, to tell two keys of one id apart.
        groups: What it may call.
        created: When it was made.
        expires: When it ends; None never.
        state: `live`, `expired` or `not yet`.
    """

    id: str
    fingerprint: str
    groups: tuple[Group, ...]
    created: str
    expires: str | None
    state: str


def secret_name(values: Mapping[str, Any], release: str) -> str:
    """Name of the Secret that the chart mounts, with these values of it."""
    access = values.get("access")
    keys = access.get("keys") if isinstance(access, Mapping) else None
    return str((keys.get("secretName") if isinstance(keys, Mapping) else "") or f"{release}-keys")


def duration(text: str) -> timedelta | None:
    """Read `30m`, `24h`, `90d`; None for `never`.

    Raises:
        ConfigError: It is something else.
    """
    found = _DURATION.fullmatch(text)
    if text == "never":
        return None
    if found is None:
        raise ConfigError(f"expected a time such as 30m, 24h, 90d, or never, found {text!r}")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def made(
    identifier: str,
    groups: Iterable[Group],
    *,
    now: datetime,
    lasts: timedelta | None,
    random: Callable[[int], str] = secrets.token_hex,
) -> MadeKey:
    """Make a key, of an id that is allowed to have one.

    Args:
        identifier: Whose it is; lower-case letters, digits and dashes, at most 40.
        groups: What it may call.
        now: With zone.
        lasts: How long it is valid; None for ever.
        random: Gives so many random bytes, as hex.

    Raises:
        ConfigError: No such id.
    """
    if not file.ID.fullmatch(identifier):
        raise ConfigError(
            f"expected an id of lower-case letters, digits and dashes, at most 40, found {identifier!r}"
        )
    text = f"{file.PREFIX}{identifier}_{random(SECRET_BYTES)}"
    created = now.replace(microsecond=0)
    expires = None if lasts is None else created + lasts
    return MadeKey(
        text, KeyRecord(identifier, file.sha256(text), frozenset(groups), created, expires=expires)
    )


def with_new(there: Records, new: KeyRecord, now: datetime) -> Records:
    """Add the first key of an id; expired ones of it are dropped.

    Raises:
        ConfigError: The id has a key that is live.
    """
    if any(_live(each, now) for each in there if each.id == new.id):
        raise ConfigError(
            f"expected an id without a live key, found one of {new.id!r}",
            remedy="change it for a new one: ekiben key rotate; or end it: ekiben key revoke",
        )
    return (*(each for each in there if each.id != new.id), new)


def with_next(there: Records, new: KeyRecord, now: datetime, grace: timedelta) -> Records:
    """Add the key that follows another: both are valid until the old one's grace ends.

    The new key gets the leave of the old one.

    Raises:
        ConfigError: The id has no live key, or two.
    """
    live = [each for each in there if each.id == new.id and _live(each, now)]
    if not live:
        raise ConfigError(
            f"expected a live key of {new.id!r}, found none", remedy="make one: ekiben key create"
        )
    if len(live) >= LIVE_OF_ONE_ID:
        raise ConfigError(
            f"expected one live key of {new.id!r}, found {len(live)}: a rotation is under way",
            remedy=f"end the older one: ekiben key revoke MODEL {fingerprint(live[0])}",
        )
    end = now.replace(microsecond=0) + grace
    old = replace(live[0], expires=end if live[0].expires is None else min(live[0].expires, end))
    rest = tuple(each for each in there if each.id != new.id)
    return (*rest, old, replace(new, groups=old.groups))


def without(there: Records, which: str) -> Records:
    """Take away all keys of an id, or the one with a fingerprint.

    Raises:
        ConfigError: There is no such key.
    """
    found = [each for each in there if which in (each.id, fingerprint(each))]
    if not found:
        raise ConfigError(
            f"expected the id or fingerprint of a key, found {which!r}", remedy="ekiben key list"
        )
    return tuple(each for each in there if each not in found)


def fingerprint(record: KeyRecord) -> str:
    """Start of a key's hash: tells keys apart and gives none away."""
    return record.sha256[:_FINGERPRINT]


def listed(there: Records, now: datetime) -> tuple[ListedKey, ...]:
    """Say what there is, by id, the older key of an id first."""
    return tuple(
        ListedKey(
            each.id,
            fingerprint(each),
            tuple(sorted(each.groups)),
            file.written(each.created),
            None if each.expires is None else file.written(each.expires),
            "live" if _live(each, now) else "expired" if _ended(each, now) else "not yet",
        )
        for each in sorted(there, key=lambda one: (one.id, one.created))
    )


def read(cluster: Cluster, namespace: str, name: str) -> Records:
    """Read the keys from the cluster; none if there is no Secret.

    Raises:
        ConfigError: The Secret holds something else.
        ClusterError: Refused.
    """
    return records(cluster.secret(namespace, name) or {})


def change(
    cluster: Cluster, namespace: str, name: str, release: str, changed: Callable[[Records], Records]
) -> None:
    """Change the keys in the cluster.

    Args:
        cluster: The cluster.
        namespace: Namespace of the release.
        name: Of the Secret; made if there is none.
        release: For its label.
        changed: Gets the keys that are there, returns what shall be there.

    Raises:
        ConfigError: `changed` refused, or the Secret holds something else.
        ClusterError: The cluster refused.
    """
    cluster.change_secret(
        namespace,
        name,
        lambda data: {**data, FILE: _content(changed(records(data)))},
        labels(release),
    )
    try:
        cluster.refresh_pods(namespace, release, datetime.now(UTC).isoformat())
    except ClusterError as error:  # the change is made, and reaches them by itself
        _log.info("pods get the keys with the kubelet's next round, within 90 s: %s", error)


def records(data: Mapping[str, bytes]) -> Records:
    """Read the data of the Secret.

    Raises:
        ConfigError: They hold something else.
    """
    content = data.get(FILE)
    return () if content is None else file.parse(content)


def labels(release: str) -> Mapping[str, str]:
    """What ekiben's Secrets of a release are known by."""
    return {
        MANAGED_BY[0]: MANAGED_BY[1],
        "app.kubernetes.io/part-of": "ekiben",
        "ekiben.dev/release": release,
    }


def _content(records: Records) -> bytes:
    return json.dumps({"format": 1, "keys": [each.document() for each in records]}, indent=1).encode()


def _ended(record: KeyRecord, now: datetime) -> bool:
    return record.expires is not None and record.expires <= now


def _live(record: KeyRecord, now: datetime) -> bool:
    return not _ended(record, now) and (record.not_before is None or record.not_before <= now)
