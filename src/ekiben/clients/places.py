"""Where ekiben keeps things on this machine (XDG base directories).

Source: https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Built tools and bases: safe to delete, costs minutes. `EKIBEN_CACHE` overrides."""
    return Path(os.environ.get("EKIBEN_CACHE") or _xdg("XDG_CACHE_HOME", ".cache") / "ekiben")


def state() -> Path:
    """Local clusters and journeys: what must be known to clean up. `EKIBEN_STATE` overrides."""
    return Path(os.environ.get("EKIBEN_STATE") or _xdg("XDG_STATE_HOME", ".local/state") / "ekiben")


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def source(name: str) -> Path:
    """Folder of the project's sources that ekiben ships, e.g. `helm/model-server` or `k8s/local`.

    In a checkout it is the folder itself; in an installed wheel a copy inside the package.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parents[1] / name
    return checkout if checkout.is_dir() else package / "_sources" / name
