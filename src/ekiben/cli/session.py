"""What most commands need first: the model's configuration, its journey, and the cluster it goes to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ekiben.identifiers import ClusterAddress

if TYPE_CHECKING:
    from ekiben.road.stations import Traveller


def project() -> Path:
    """Folder that holds `bentos/`."""
    return Path(os.environ.get("EKIBEN_PROJECT", ".")).resolve()


def address(context: str | None) -> ClusterAddress:
    """The cluster that was named, or the local one that runs.

    Raises:
        ClusterError: Neither.
    """
    from ekiben.ground import cluster

    return cluster.current(context)


def traveller(model: str, *, namespace: str | None = None) -> Traveller:
    """Read the model's configuration and journey; no cluster is asked.

    Raises:
        ConfigError: Unknown model or wrong `ekiben.yaml`.
    """
    from ekiben import config
    from ekiben.road import journey, stations

    root = project()
    found = config.load(model, root)
    return stations.Traveller(
        config=found,
        project=root,
        namespace=namespace or found.release.namespace,
        journey=journey.Journey.of(root, found.model),
    )
