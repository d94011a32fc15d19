"""What most commands need first: the model's configuration, its journey, and the cluster it goes to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ekiben.errors import ConfigError
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
        journey=journey.Journey.of(root, model),
    )


def registry(context: str | None) -> str:
    """Registry of the cluster that was named, or of the local one.

    Raises:
        ConfigError: The cluster's registry is not known.
    """
    found = address(context).registry
    if not found:
        raise ConfigError(
            f"the registry of context {context!r} is not known",
            remedy="give --registry HOST[:PORT], set `image.registry` in ekiben.yaml, or EKIBEN_REGISTRY",
        )
    return found
