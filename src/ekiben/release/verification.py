"""The release's own key, for its checks where access is required.

Id `ekiben`, leave to predict only, 90 days, renewed by releases. Its text is in
the Secret `<release>-verify` (or `access.verifySecretName`), where `helm test`
finds it too: whoever may read Secrets of that namespace may predict. None is
made where the operator's own credential was given, or where that Secret holds a
credential that is not ours: it is used as it is, and never written over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ekiben.release import keys
from ekiben.release.credential import ENTRY, known, readable
from ekiben.release.keys import Records
from ekiben.release.site import Site
from ekiben.serving.access.keys import PREFIX, KeyRecord, sha256

LASTS, RENEWED_BELOW = timedelta(days=90), timedelta(days=60)


def ready(site: Site, *, required: bool) -> Site:
    """Give a site what its checks need: nothing, the operator's credential, or the release's own key.

    Args:
        site: Where.
        required: The revision that comes requires access; else a key is kept alive if there is one,
            because an older revision may require it.

    Raises:
        ConfigError: The Secret of keys holds something else.
        ClusterError: The cluster refused.
    """
    if site.credential:
        return site
    text = known(site.cluster, site.namespace, site.verify_secret)
    if (text and not _ours(text)) or not (text or required):
        return replace(site, credential=text)
    now = site.now()
    records = keys.read(site.cluster, site.namespace, site.keys_secret)
    if not _lasts(records, text, now):
        text = _renewed(site, now)
    return replace(site, credential=text)


def forget(site: Site, *, callers: bool = False) -> tuple[str, ...]:
    """Remove the release's own key, and the Secret of keys if it holds no other.

    Args:
        site: Where.
        callers: Remove callers' keys too. Else they stay: the release may come back, and they would have
            to be handed out again.

    Returns:
        Ids of the callers whose keys stay.

    Raises:
        ConfigError: The Secret of keys holds something else.
        ClusterError: The cluster refused.
    """
    if _ours(known(site.cluster, site.namespace, site.verify_secret)):
        site.cluster.remove_secret(site.namespace, site.verify_secret)
    data = readable(site.cluster, site.namespace, site.keys_secret)
    if data is None:
        return ()
    there = () if callers else keys.records(data)
    rest = tuple(each for each in there if each.id != keys.OWN)
    if not rest and set(data) <= {keys.FILE}:
        site.cluster.remove_secret(site.namespace, site.keys_secret)
    elif rest != there or callers:
        keys.change(site.cluster, site.namespace, site.keys_secret, site.release, lambda _: rest)
    return tuple(sorted({each.id for each in rest}))


def _ours(text: str) -> bool:
    """Whether a credential is a release's own key; another is somebody else's to change."""
    return text.startswith(f"{PREFIX}{keys.OWN}_")


def _renewed(site: Site, now: datetime) -> str:
    new = keys.made(keys.OWN, {"predict"}, now=now, lasts=LASTS)
    keys.change(
        site.cluster,
        site.namespace,
        site.keys_secret,
        site.release,
        lambda found: _with_own(found, new.record, now),
    )
    site.cluster.change_secret(
        site.namespace,
        site.verify_secret,
        lambda data: {**data, ENTRY: new.text.encode()},
        keys.labels(site.release),
    )
    return new.text


def _lasts(records: Records, text: str, now: datetime) -> bool:
    found = sha256(text)
    return any(
        each.sha256 == found and each.expires is not None and each.expires - now >= RENEWED_BELOW
        for each in records
    )


def _with_own(records: Records, new: KeyRecord, now: datetime) -> Records:
    """Add our key: pods that do not know it yet still know the one before."""
    rest = tuple(each for each in records if each.id != keys.OWN)
    live = [
        each for each in records if each.id == keys.OWN and each.expires is not None and each.expires > now
    ]
    return (*rest, *live[-1:], new)
