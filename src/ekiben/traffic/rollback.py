"""Back to a revision that was verified; it is verified again before it counts."""

from __future__ import annotations

import logging

from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.identifiers import ClusterAddress, Revision
from ekiben.release import record, repair, site, undo, verification
from ekiben.release.record import Verified
from ekiben.release.site import Site

_log = logging.getLogger(__name__)


def destination(config: ModelConfig, address: ClusterAddress, *, namespace: str, to: int | None) -> Revision:
    """Say where `rollback` would go; changes nothing.

    Raises:
        ConfigError: There is no such verified revision.
        ClusterError: The cluster refused, or was not reached.
    """
    with site.at(address, config, namespace) as here:
        return here.revision(_goal(here, to).revision)


def rollback(config: ModelConfig, address: ClusterAddress, *, namespace: str, to: int | None) -> Revision:
    """Roll back, wait and verify; if that fails, return to what served.

    Args:
        config: The model's `ekiben.yaml`.
        address: The cluster.
        namespace: Namespace of the release.
        to: Revision to go to; None takes the last one that served something else.

    Returns:
        The new revision, a copy of that one.

    Raises:
        ConfigError: There is no such verified revision.
        RolledBackError: It does not serve as it did; what served before serves again.
        ToolError: Helm refused.
        ClusterError: The cluster refused or was not reached, or the way back failed.
    """
    with site.at(address, config, namespace) as opened:
        history = repair.repair(opened)
        here = verification.ready(opened, required=False)
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
            raise ConfigError(
                f"{here}: expected a verified revision, found {to}; verified: {listed}",
                remedy="give one of these numbers",
            )
        return found
    serving = next((one.number for one in reversed(history) if one.status == "deployed"), None)
    present = next((one for one in usable if one.revision == serving), None)
    # An undone release leaves copies of what serves: going back means to something else.
    others = [one for one in usable if present is None or not one.same(present)]
    found = record.newest(others, held, before=serving)
    if found is None:
        raise ConfigError(
            f"{here}: expected another revision, verified before the present one ({serving or 'none'}), "
            f"found none; verified: {listed}",
            remedy="release the model that you want: ekiben release",
        )
    return found
