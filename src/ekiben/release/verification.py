"""The release's own key, for its checks where access is required.

Id `ekiben`, leave to predict only, 90 days, renewed by releases. Its text is in
the Secret `<release>-verify`, where `helm test` finds it too: whoever may read
Secrets of that namespace may predict. None is made where the operator's own
credential was given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ekiben.release import keys
from ekiben.release.credential import ENTRY, known, readable, secret_name
from ekiben.release.keys import Records
from ekiben.release.site import Site
from ekiben.serving.access.keys import KeyRecord, sha256

LASTS, RENEWED_BELOW = timedelta(days=90), timedelta(days=60)


def ready(site: Site, *, keys_name: str, required: bool) -> Site:
    """Give a site what its checks need: nothing, the operator's credential, or the release's own key.

    Args:
        site: Where.
        keys_name: Name of the Secret that the pods read.
        required: The revision that comes requires access; else a key is kept alive if there is one,
            because an older revision may require it.

    Raises:
        ConfigError: The Secret of keys holds something else.
        ClusterError: The cluster refused.
    """
    if site.credential:
        return site
    text = known(site.cluster, site.namespace, site.release)
    if not text and not required:
        return site
    now = site.now()
    records = keys.read(site.cluster, site.namespace, keys_name)
    if not _lasts(records, text, now):
        new = keys.made(keys.OWN, {"predict"}, now=now, lasts=LASTS)
        text = new.text
        keys.change(
            site.cluster,
            site.namespace,
            keys_name,
            site.release,
            lambda found: _with_own(found, new.record, now),
        )
        site.cluster.change_secret(
            site.namespace,
            secret_name(site.release),
            lambda _: {ENTRY: text.encode()},
            keys.labels(site.release),
        )
    return replace(site, credential=text)


def forget(site: Site) -> None:
    """Remove the release's own key, and the Secret of keys if it holds no other.

    Callers' keys stay: the release may come back, and they would have to be handed out again.

    Raises:
        ClusterError: The cluster refused.
    """
    if known(site.cluster, site.namespace, site.release):
        site.cluster.remove_secret(site.namespace, secret_name(site.release))
    name = keys.secret_name({}, site.release)
    data = readable(site.cluster, site.namespace, name)
    if data is not None and all(each.id == keys.OWN for each in keys.records(data)):
        site.cluster.remove_secret(site.namespace, name)


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
