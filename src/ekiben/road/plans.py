"""Where capacity plans are kept, and which one a release takes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ekiben.clients import places
from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.road.journey import place
from ekiben.road.stations import Traveller

if TYPE_CHECKING:  # loads SciPy, which a release without a plan does not need
    from ekiben.scale.plan.document import CapacityPlan

_log = logging.getLogger(__name__)


def path_of(traveller: Traveller) -> Path:
    """Where the plan of a model of this project is kept."""
    folder = f"{traveller.config.model}-{place(traveller.project)}"
    return places.state() / "plans" / folder / "plan.json"


def kept(traveller: Traveller) -> CapacityPlan | None:
    """The plan that was made last, computed again; None if there is none.

    One of an artefact that is not the last one trained is said to be so: it is worth reading, and no release
    takes it.

    Raises:
        ConfigError: It does not follow from what it carries.
    """
    path = path_of(traveller)
    found = read(path) if path.is_file() else None
    trained = traveller.journey.last("train")
    if found and trained and trained.output["artefact_sha256"] != found.subject.artefact_sha256:
        _log.warning(
            "the plan is of %s:%s, and %s was trained since: its numbers may be others (ekiben plan %s)",
            found.subject.model, found.subject.version, trained.output["tag"], traveller.config.model,
        )  # fmt: skip
    return found


def read(path: Path) -> CapacityPlan:
    """Read a plan and compute it again.

    Raises:
        ConfigError: No such file, or no plan that follows from what it carries.
    """
    from ekiben.scale.plan.document import CapacityPlan

    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"expected a capacity plan in {path}, found none: {error.strerror}",
            remedy="make one: ekiben plan MODEL",
        ) from error
    try:
        return CapacityPlan.parse(text)
    except ConfigError as error:
        raise ConfigError(f"{error}\n  in {path}", remedy=error.remedy) from error


def chosen(traveller: Traveller, choice: str = "") -> CapacityPlan | None:
    """The plan whose numbers a release takes.

    Args:
        traveller: The model.
        choice: `auto` (the one that was made last, if any), `never`, `required`, or a file; empty takes
            `scale.plan` of ekiben.yaml.

    Returns:
        A plan that was computed again; None for the numbers of ekiben.yaml.

    Raises:
        ConfigError: It is required and not there, or does not follow from what it carries.
    """
    match choice or traveller.config.scale.plan:
        case "never":
            return None
        case "auto":
            found = kept(traveller)
        case "required":
            found = required(traveller)
        case file:
            found = read(Path(file))
    if found is not None:
        _log.info("numbers of the capacity plan of %s (%s)", found.subject.made_at, found.sha256[:19])
    return found


def applied(config: ModelConfig, plan: CapacityPlan | None) -> ModelConfig:
    """The configuration with the numbers of the plan in the place of its own."""
    if plan is None:
        return config
    scale = config.scale.model_copy(
        update={
            "min_replicas": plan.whole("min_replicas"),
            "max_replicas": plan.whole("max_replicas"),
            "target_cpu_percent": plan.whole("cpu_target_percent"),
            "scale_down_window_seconds": plan.whole("scale_down_window_seconds"),
        }
    )
    cpu = f"{plan.whole('cpu_request_millicores')}m"
    resources = config.release.resources.model_copy(update={"cpu_request": cpu})
    release = config.release.model_copy(update={"resources": resources})
    return config.model_copy(update={"scale": scale, "release": release})


def required(traveller: Traveller) -> CapacityPlan:
    """The plan that was made last.

    Raises:
        ConfigError: There is none.
    """
    found = kept(traveller)
    if found is None:
        raise ConfigError(
            f"expected a capacity plan of {traveller.config.model}, found none",
            remedy=f"make one: ekiben plan {traveller.config.model} --p99 50ms --peak-rps 300",
        )
    return found
