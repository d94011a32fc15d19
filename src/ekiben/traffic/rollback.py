"""Back to a revision that was verified; it is verified again before it counts."""

from __future__ import annotations

import logging

from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.identifiers import ClusterAddress, Revision
from ekiben.release import record, repair, site, undo
from ekiben.release.record import Verified
from ekiben.release.site import Site

_log = logging.getLogger(__name__)


def destination(config: ModelConfig, address: ClusterAddress, *, namespace: str, to: int | None) -> Revision:
    """Say where `rollback` would go; changes nothing.

    Raises:
        ConfigError: There is no such verified revision.
        ClusterError: The cluster refused, or was not reached.
    """
    with site.at(address, config.release_name, namespace, config.release.timeout_seconds) as here:
        return here.revision(_goal(here, to).revision)


def rollback(config: ModelConfig, address: ClusterAddress, *, namespace: str, to: int | None) -> Revision:
    """Roll back, wait and verify; if that fails, return to what served.

    Args:
        config: The model's `ekiben.yaml`.
        address: The cluster.
        namespace: Namespace of the release.
        to: Revision to go to; None takes the one that was verified before the present one.

    Returns:
        The new revision, a copy of that one.

    Raises:
        ConfigError: There is no such verified revision.
        RolledBackError: It does not serve as it did; what served before serves again.
        ToolError: Helm refused.
        ClusterError: The cluster refused or was not reached, or the way back failed.
    """
    with site.at(address, config.release_name, namespace, config.release.timeout_seconds) as here:
        history = repair.repair(here)
        goal = _goal(here, to)
        past = undo.before(here, history, made_namespace=False)
        _log.info(
            "%s: rolling back to revision %d (%s, verified %s)", here, goal.revision, goal.model, goal.at
        )
        restored = undo.restore(here, goal)
        if isinstance(restored, Verified):
            return here.revision(restored.revision)
        newest = here.helm.status(here.release, here.namespace)
        raise undo.undo(here, newest.number if newest else goal.revision, restored, past)


def _goal(here: Site, to: int | None) -> Verified:
    known = record.read(here.cluster, here.namespace, here.release)
    history = here.helm.history(here.release, here.namespace)
    held = [one.number for one in history]
    usable = [one for one in known if one.revision in held]
    listed = ", ".join(f"{one.revision} ({one.model})" for one in usable) or "none"
    if to is not None:
        found = next((one for one in usable if one.revision == to), None)
        if found is None:
            raise ConfigError(f"{here}: expected a verified revision, found {to}; verified: {listed}")
        return found
    serving = next((one.number for one in reversed(history) if one.status == "deployed"), None)
    found = record.newest(usable, held, before=serving)
    if found is None:
        raise ConfigError(
            f"{here}: expected a revision verified before the present one ({serving or 'none'}), found none; "
            f"verified: {listed}",
            remedy="release the model that you want: ekiben release",
        )
    return found
