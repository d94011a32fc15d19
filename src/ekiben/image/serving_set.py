"""Which packages an image needs: what its model is answered by, and nothing else. Pure.

The parts, in the order of their layers; each has a lock with hashes, `requirements/pod/<part>.txt`,
and all of them are `requirements/pod.txt`, with the same versions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, get_args

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Form
from ekiben.serving.settings import Demand

Part = Literal["core", "onnx", "scikit-learn", "explain", "bentoml"]
PARTS: tuple[Part, ...] = get_args(Part)
_OF_FORM: Mapping[Form, Part] = {"folded": "core", "onnx": "onnx", "scikit-learn": "scikit-learn"}
_BLOCK = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==\S.*(?:\n[ \t]+.*)*", re.MULTILINE)


def needed(
    available: Sequence[Form],
    preferred: Form,
    wanted: Collection[Form],
    demanded: Demand,
    *,
    custom: bool,
    explain: bool = False,
) -> tuple[Part, ...]:
    """Parts that an image is made of.

    A service with routes of its own needs BentoML, and scikit-learn too, since its code may load the
    estimator; without such routes no pod imports BentoML.

    Args:
        available: Forms in the artefact.
        preferred: The one that answers unless another is demanded.
        wanted: `image.forms`; none stands for the form that will answer.
        demanded: `server.predictor` of the release's values.
        custom: Whether the BentoML service answers routes itself.
        explain: Whether predictions of trees are explained; linear models need nothing for that.

    Returns:
        In the order of the layers.

    Raises:
        ConfigError: A form that is wanted or demanded is not in the artefact, or the one that would
            answer is not among those that are wanted.
    """
    answering = preferred if demanded == "auto" else demanded
    forms = set(wanted) or {answering}
    if absent := sorted((forms | {answering}) - set(available)):
        raise ConfigError(
            f"expected forms out of {', '.join(available)}, which the artefact has; "
            f"found {', '.join(absent)}",
            remedy="correct image.forms, or server.predictor in release.values; the artefact's parity.json "
            "says why a form is not there",
        )
    if answering not in forms:
        raise ConfigError(
            f"image.forms: expected {answering} among them, the form that answers; "
            f"found {', '.join(sorted(forms))}",
            remedy=f"add {answering}, or demand another form as server.predictor in release.values",
        )
    parts = {"core", *(_OF_FORM[form] for form in forms)}
    if custom:
        parts |= {"scikit-learn", "bentoml"}
    if explain:
        parts.add("explain")
    return tuple(part for part in PARTS if part in parts)


def demanded(values: Mapping[str, Any]) -> Demand:
    """The form that the values of a release demand.

    Args:
        values: `release.values` of `ekiben.yaml`.

    Raises:
        ConfigError: No form has that name.
    """
    server = values.get("server")
    found = server.get("predictor", "auto") if isinstance(server, Mapping) else "auto"
    for known in get_args(Demand):
        if found == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise ConfigError(
        f"release.values: expected server.predictor as one of {', '.join(get_args(Demand))}, found {found!r}",
        remedy="correct it in ekiben.yaml",
    )


def pins(lock: str) -> dict[str, str]:
    """Requirements of a lock: a pin with its hashes, by name."""
    return {match["name"]: match.group() for match in _BLOCK.finditer(lock)}


def above(lock: str, below: Collection[str]) -> str:
    """The lock of a layer without what the layers under it install.

    Args:
        lock: Requirements of the part, whole.
        below: Names that are installed already.

    Returns:
        A lock, in the order of names.
    """
    return "".join(f"{block}\n" for name, block in sorted(pins(lock).items()) if name not in below)
