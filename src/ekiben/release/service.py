"""What a verified release means for the model store: its model is the one in service."""

from __future__ import annotations

import logging
from typing import Any

from ekiben.artefact import aliases
from ekiben.errors import ConfigError
from ekiben.release.record import Verified
from ekiben.release.site import Site

_log = logging.getLogger(__name__)


def follow(site: Site, entry: Verified) -> None:
    """Let the alias `in-service` name what this revision serves.

    The release has proven itself by then: a store that does not have its model, or
    that cannot be written, is a warning and no failure.

    Args:
        site: Where it was verified; with the store that follows it.
        entry: What was verified.
    """
    if site.models is None:
        return
    try:
        aliases.assign(
            entry.model.name,
            aliases.IN_SERVICE,
            entry.model,
            at=site.now(),
            by=entry.by,
            kind="released",
            evidence=evidence(entry, site.cluster.context, site.namespace, site.release),
            home=site.models,
        )
    except (ConfigError, OSError) as error:
        _log.warning("the alias %s of %s stays as it was: %s", aliases.IN_SERVICE, entry.model.name, error)


def evidence(entry: Verified, context: str, namespace: str, release: str) -> dict[str, Any]:
    """Say what a release rests on, in short: the record beside it has the rest.

    Args:
        entry: What was verified.
        context: Kube context of its cluster.
        namespace: Its namespace.
        release: Its name.
    """
    return {
        "context": context,
        "release": f"{namespace}/{release}",
        "revision": entry.revision,
        "image": str(entry.image),
        "artefact": entry.artefact_sha256,
        "verified_at": entry.at,
        "checks": [check.name for check in entry.checks if check.passed],
    }
