"""Takes a release away: its objects, its record, and its namespace if ekiben made it and it is empty."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ekiben.config import ModelConfig
from ekiben.identifiers import ClusterAddress
from ekiben.release import site, undo

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """A release that is gone.

    Attributes:
        removed: `<namespace>/<release>`.
        kept_keys: Ids of the callers whose keys stay, for when the release comes back.
        secret: Where they are, `<namespace>/<name>`.
    """

    removed: str
    kept_keys: tuple[str, ...]
    secret: str


def uninstall(config: ModelConfig, address: ClusterAddress, *, namespace: str, keys: bool = False) -> Removed:
    """Remove a release and wait until its pods are gone; one that is not there is removed already.

    Args:
        config: The model's `ekiben.yaml`.
        address: The cluster.
        namespace: Namespace of the release.
        keys: Remove the callers' keys too.

    Returns:
        What was removed, and what was not.

    Raises:
        ToolError: Helm refused.
        ClusterError: The cluster refused or was not reached, or pods stayed.
    """
    with site.at(address, config, namespace) as here:
        kept = undo.remove(here, namespace=True, callers=keys)
        _log.info("%s: removed", here)
        return Removed(str(here), kept, f"{here.namespace}/{here.keys_secret}")
