"""What an image says about itself: labels of its configuration, annotations of its manifest.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md#pre-defined-annotation-keys
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ekiben.clients import command
from ekiben.config import ModelConfig
from ekiben.errors import ConfigError, ToolError
from ekiben.image.packed import Packed
from ekiben.image.serving_set import Part

_OCI = "org.opencontainers.image"
_LATEST = 253402300799  # 9999-12-31T23:59:59Z, the last second that RFC 3339 can write


def labels(config: ModelConfig, packed: Packed, parts: Sequence[Part], revision: str) -> dict[str, str]:
    """Labels of an image; what is not known is left out.

    Args:
        config: The model's `ekiben.yaml`.
        packed: The bento inside.
        parts: The serving set.
        revision: Commit of the sources; empty if unknown.
    """
    found = {
        f"{_OCI}.title": config.model,
        f"{_OCI}.version": packed.bento.version,
        f"{_OCI}.revision": revision,
        f"{_OCI}.source": config.image.source,
        "ekiben.bento": str(packed.bento),
        "ekiben.model": str(packed.model),
        "ekiben.artefact": packed.sealed.sha256,
        "ekiben.predictor": packed.sealed.predictor,
        "ekiben.serving-set": ",".join(parts),
    }
    return {name: value for name, value in found.items() if value}


def created(environment: Mapping[str, str] = os.environ) -> str:
    """When the image says that it was made: `SOURCE_DATE_EPOCH`, or the epoch; never the clock.

    Returns:
        A time as RFC 3339 writes it, in UTC.

    Raises:
        ConfigError: The variable holds no number of seconds.

    Source: https://reproducible-builds.org/specs/source-date-epoch/
    """
    text = environment.get("SOURCE_DATE_EPOCH") or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= _LATEST):
        raise ConfigError(
            f"expected SOURCE_DATE_EPOCH as whole seconds since 1970, found {text!r}",
            remedy="set it with `git log -1 --format=%ct`, or unset it",
        )
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def revision(project: Path) -> str:
    """Commit of a project's work tree; empty where something differs from it, or git does not know it.

    Args:
        project: Root of the project.
    """
    try:
        status = _git(project, "status", "--porcelain")
        return "" if status else _git(project, "rev-parse", "HEAD")
    except ToolError:  # no git, no repository, or no commit yet
        return ""


def _git(project: Path, *arguments: str) -> str:
    return command.run(["git", "-C", str(project), *arguments], show=False).stdout.strip()
