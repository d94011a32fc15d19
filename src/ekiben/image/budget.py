"""Budgets of bytes: an image or a part over its own is not pushed, and says what takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ekiben.errors import AcceptanceError
from ekiben.image.inspection import inspect
from ekiben.image.layer import Layer

_MB = 1e6
_LISTED = 10


def keep_explain(layers: Sequence[Layer], megabytes: float) -> None:
    """Refuse an image whose part for explanations is over that part's own budget.

    Args:
        layers: Of the image.
        megabytes: Largest layer `explain`, compressed, 10^6 bytes; an image without it keeps every budget.

    Raises:
        AcceptanceError: It is larger.
    """
    found = sum(layer.compressed_bytes for layer in layers if layer.name == "explain") / _MB
    if found > megabytes:
        raise AcceptanceError(
            f"expected a layer for explanations of at most {megabytes:g} MB, found {found:.2f} MB",
            remedy="raise image.explain_megabytes, or set bento.explain: false",
        )


def keep(archive: Path, layers: Sequence[Layer], megabytes: float | None, platform: str = "") -> None:
    """Refuse an image that is over its budget.

    Args:
        archive: Its OCI layout.
        layers: Its layers.
        megabytes: Largest sum of the compressed layers, 10^6 bytes; None for any.
        platform: What the image is for, where there are several.

    Raises:
        AcceptanceError: It is larger; the message lists the largest packages.
    """
    found = sum(layer.compressed_bytes for layer in layers) / _MB
    if megabytes is None or found <= megabytes:
        return
    lines = [
        f"  {one.compressed_bytes / _MB:7.2f} MB  {one.name} (layer {one.layer})"
        for one in inspect(archive).packages[:_LISTED]
    ]
    raise AcceptanceError(
        f"expected an image of at most {megabytes:g} MB{f' for {platform}' if platform else ''}, "
        f"found {found:.1f} MB; its largest packages:\n" + "\n".join(lines),
        remedy="leave out a form (image.forms) or the service's own routes, or raise image.budget_megabytes; "
        "`ekiben image inspect` lists all",
    )
