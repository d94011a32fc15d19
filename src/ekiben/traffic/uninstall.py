"""Takes a release away: its objects, its record, and its namespace if ekiben made it and it is empty."""

from __future__ import annotations

import logging

from ekiben.config import ModelConfig
from ekiben.identifiers import ClusterAddress
from ekiben.release import site, undo

_log = logging.getLogger(__name__)


def uninstall(config: ModelConfig, address: ClusterAddress, *, namespace: str) -> None:
    """Remove a release and wait until its pods are gone; one that is not there is removed already.

    Args:
        config: The model's `ekiben.yaml`.
        address: The cluster.
        namespace: Namespace of the release.

    Raises:
        ToolError: Helm refused.
        ClusterError: The cluster refused or was not reached, or pods stayed.
    """
    with site.at(address, config.release_name, namespace, config.release.timeout_seconds) as here:
        undo.remove(here, namespace=True)
        _log.info("%s: removed", here)
