"""The stations as steps of one journey: take what the last one left, do the job, write down the result."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ekiben.clients import places
from ekiben.config import ModelConfig, folder
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ClusterAddress, ImageReference, ModelTag
from ekiben.jsonable import jsonable
from ekiben.road.journey import Journey, Stop, fingerprint

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traveller:
    """One model on the road.

    Attributes:
        config: Its `ekiben.yaml`.
        project: Folder that holds `bentos/`.
        namespace: Namespace it is released to.
        journey: What the stations left so far.
    """

    config: ModelConfig
    project: Path
    namespace: str
    journey: Journey

    def sources(self) -> list[Path]:
        """The model's own files."""
        found = folder(self.config.model, self.project)
        return [path for path in found.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    def left(self, station: str) -> dict[str, Any]:
        """What a station left.

        Raises:
            ConfigError: The model has not been there.
        """
        stop = self.journey.last(station)
        if stop is None:
            raise ConfigError(
                f"{self.config.model} has not passed the station {station!r} yet",
                remedy=f"run `ekiben {station} {self.config.model}`, or `ekiben road {self.config.model}`",
            )
        return stop.output


def _pass(
    traveller: Traveller, station: str, went_in: str, work: Callable[[], object], *, still_there: bool
) -> Stop:
    """Run one station unless it is finished for this input and its output still exists."""
    done = traveller.journey.finished(station, went_in) if still_there else None
    if done is not None:
        _log.info("%s: as it was", station)
        return replace(done, kept=True)
    _log.info("%s: %s", station, traveller.config.model)
    began = time.monotonic()
    output = work()
    stop = traveller.journey.record(station, went_in, output, time.monotonic() - began)
    _log.info("%s: done seconds=%.1f", station, stop.seconds)
    return stop


def train(
    traveller: Traveller,
    *,
    again: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    report: Path | None = None,
) -> Stop:
    """Station 1: train the estimator and store its artefact.

    Args:
        traveller: The model.
        again: Train even if nothing changed.
        progress: Told after each fit of a search: fits done, fits in all.
        report: Where the page of the model report is written, if it trains.
    """
    from ekiben.train import station

    data = traveller.config.train.data
    table = [] if isinstance(data, str) else [traveller.project / data.file]
    files = [path for path in traveller.sources() if path.suffix == ".py"] + [p for p in table if p.is_file()]
    packed, checked = traveller.config.bento, traveller.config.observe.recheck
    went_in = fingerprint(
        traveller.config.train,
        packed.formats,
        packed.forms,
        packed.compression,
        packed.seal.key_file,
        *([] if checked is None else [checked.rows]),
        _packages(),
        files=files,
    )
    last = traveller.journey.last("train")
    there = not again and last is not None and (Path(last.output["folder"]) / "manifest.json").is_file()
    return _pass(
        traveller,
        "train",
        went_in,
        lambda: station.train(traveller.config, traveller.project, progress, report),
        still_there=there,
    )


def bento(
    traveller: Traveller, *, again: bool = False, progress: Callable[[int, int | None], None] | None = None
) -> Stop:
    """Station 2: prove the running pod equal to the estimator, and pack the model and its BentoML service.

    Args:
        traveller: The model.
        again: Pack even if nothing changed; the proof is not repeated for the same model and serving code.
        progress: Told rows compared, and rows in all.
    """
    from ekiben.bento import evidence, proof, station

    tag = ModelTag.parse(traveller.left("train")["tag"])
    went_in = fingerprint(
        traveller.config.bento, str(tag), _packages(), evidence.serving_hash(), files=traveller.sources()
    )

    def work() -> dict[str, Any]:
        station.sign(traveller.config, tag)  # a pod that asks for a signature is compared, too
        found = proof.prove(traveller.config, tag, traveller.project, progress)
        return {**jsonable(station.build(traveller.config, tag, traveller.project)), "parity": found}

    last = traveller.journey.last("bento")
    there = not again and last is not None and (Path(last.output["folder"]) / "bento.yaml").is_file()
    return _pass(
        traveller,
        "bento",
        went_in,
        work,
        still_there=there,
    )


def prepare(traveller: Traveller) -> None:
    """Make the layers below the model, before there is a registry to push to."""
    from ekiben.image import station

    _log.info("image: the layers below the model")
    station.prepare(traveller.config, BentoTag.parse(traveller.left("bento")["tag"]))


def image(
    traveller: Traveller,
    registry: str = "",
    address: ClusterAddress | None = None,
    *,
    renew_base: bool = False,
) -> Stop:
    """Station 3: make the image and push it; layers that exist are neither built nor sent again.

    Args:
        traveller: The model.
        registry: `host[:port]`; empty takes the configured one, then the cluster's own.
        address: The cluster that will pull it, if its registry is wanted.
        renew_base: Make ekiben's own base anew, with what Debian gives now.
    """
    from ekiben.image import station

    config = traveller.config
    place = registry or config.image.registry or (address.registry if address else "")
    if not place:
        raise ConfigError(
            "expected a registry to push to, found none",
            remedy="give --registry HOST[:PORT], set `image.registry` in ekiben.yaml, or EKIBEN_REGISTRY",
        )
    if address and address.registry_insecure and place == address.registry:
        section = config.image.model_copy(update={"insecure": True})
        config = config.model_copy(update={"image": section})
    tag = BentoTag.parse(traveller.left("bento")["tag"])
    return _pass(
        traveller,
        "image",
        fingerprint(config.image, str(tag), place),
        lambda: station.build(config, tag, place, traveller.project, renew_base=renew_base),
        still_there=False,
    )


def release(
    traveller: Traveller,
    address: ClusterAddress,
    reference: ImageReference | None = None,
    *,
    plan: str = "",
) -> Stop:
    """Station 4: release by digest; a release that is already there is verified again.

    Args:
        traveller: The model.
        address: The cluster.
        reference: The image; None takes what the station before left.
        plan: `auto`, `never`, `required` or a file, as for `plans.chosen`; empty takes `scale.plan`.
    """
    from ekiben.release import station
    from ekiben.road import plans

    capacity = plans.chosen(traveller, plan)
    image = reference or ImageReference.parse(traveller.left("image")["image"])
    return _pass(
        traveller,
        "release",
        fingerprint(
            str(image), traveller.namespace, address.context, *([capacity.sha256] if capacity else [])
        ),
        lambda: station.release(
            traveller.config,
            image,
            Path(traveller.left("train")["folder"]),
            address,
            namespace=traveller.namespace,
            capacity=capacity,
        ),
        still_there=False,
    )


def traffic(traveller: Traveller, address: ClusterAddress) -> Stop:
    """Station 5: ask the release for the first golden row."""
    from ekiben.release import credential
    from ekiben.traffic import predict

    rows: list[Any] = list(golden_instances(traveller)[:1])
    return _pass(
        traveller,
        "traffic",
        fingerprint(traveller.left("release")["revision"], address.context),
        lambda: predict.predict(
            traveller.config,
            rows,
            address,
            namespace=traveller.namespace,
            credential=credential.given(os.environ),
        ),
        still_there=False,
    )


def golden_instances(traveller: Traveller) -> list[dict[str, Any]]:
    """The golden rows of the trained model, as a request's `instances`."""
    text = (Path(traveller.left("train")["folder"]) / "golden.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)["instances"]
    return rows


def _packages() -> str:
    """What the model is trained with: the lock decides."""
    lock = places.source("requirements") / "pod.txt"
    return fingerprint(files=[lock]) if lock.is_file() else ""
