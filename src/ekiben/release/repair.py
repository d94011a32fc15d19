"""What an interrupted run left half-made, put right before anything new is begun."""

from __future__ import annotations

import logging

from ekiben.clients.helm import HelmRevision
from ekiben.release import record
from ekiben.release.site import Site

_log = logging.getLogger(__name__)
_OTHER_RUN_SECONDS = 15.0  # our Helm commands wait for no pod: one that is alive ends well within
_LOOK_SECONDS = 1.0


def repair(site: Site) -> tuple[HelmRevision, ...]:
    """Bring Helm's history to a state from which it can go on.

    A release that is pending because its command was killed is rolled back to
    the newest verified (else newest deployed) revision, or removed if there is none.

    Returns:
        Helm's history afterwards, oldest first.

    Raises:
        ToolError: Helm refused.
        ClusterError: The API server refused, or was not reached.
    """
    history = _settled(site)
    if not history or not history[-1].pending:
        return history
    stuck, held = history[-1], [one for one in history if one.status in ("deployed", "superseded")]
    known = record.read(site.cluster, site.namespace, site.release)
    verified = record.newest(known, (one.number for one in held))
    if stuck.status == "uninstalling" or not held:
        _log.warning(
            "%s: revision %d is %s: removing what an interrupted run left", site, stuck.number, stuck.status
        )
        site.helm.uninstall(site.release, site.namespace)
    else:
        back = verified.revision if verified else held[-1].number
        _log.warning(
            "%s: revision %d is %s: back to revision %d first", site, stuck.number, stuck.status, back
        )
        site.helm.rollback(site.release, site.namespace, back)
    return site.helm.history(site.release, site.namespace)


def _settled(site: Site) -> tuple[HelmRevision, ...]:
    """Return the history, once no other run's command is under way or it seems dead."""
    began = site.clock()
    while True:
        history = site.helm.history(site.release, site.namespace)
        if not history or not history[-1].pending or site.clock() - began > _OTHER_RUN_SECONDS:
            return history
        site.sleep(_LOOK_SECONDS)
