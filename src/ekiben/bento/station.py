"""Station 2: a model tag -> a bento, by BentoML's own build."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ekiben.artefact import store as models
from ekiben.artefact.seal import configured
from ekiben.bento import routes, store
from ekiben.bento.sources import Source, collect, version
from ekiben.clients import command, places
from ekiben.config import ModelConfig
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import BentoTag, ModelTag
from ekiben.serving.custom import ROUTES

_log = logging.getLogger(__name__)
_RECIPE = 1  # raise it when the code below changes what comes out
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([\w.!+-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bundled:
    """What the station leaves.

    Attributes:
        tag: The bento's tag.
        folder: The bento in BentoML's store.
        model: The model inside.
    """

    tag: BentoTag
    folder: Path
    model: ModelTag


def build(config: ModelConfig, tag: ModelTag, project: Path) -> Bundled:
    """Pack the BentoML service with this version of the model.

    The same model, sources and lock give the same tag, and a bento that is there is left as it is.

    Args:
        config: The model's `ekiben.yaml`.
        tag: The model.
        project: Root of the project.

    Raises:
        ConfigError: No such model, wrong `bento.include`, or a route that two want to answer.
        ToolError: BentoML could not build it.
    """
    sign(config, tag)
    sources = collect(project, config.bento.include, config.bento.service)
    lock = places.source("requirements") / "pod.txt"
    bento = BentoTag(
        config.model,
        version(
            sources,
            recipe=_RECIPE,
            model=str(tag),
            service=config.bento.service,
            routes=dict(config.bento.routes),
            lock=hashlib.sha256(lock.read_bytes()).hexdigest(),
            bentoml=metadata.version("bentoml"),
        ),
    )
    folder = store.bento_folder(bento)
    if _intact(folder, sources):
        store.point_latest(bento)
        return Bundled(bento, folder, tag)
    with store.workshop(tag) as workshop:
        made = _made(config, tag, bento, sources, lock, workshop)
        (made / ROUTES).write_bytes(
            routes.document(routes.custom(_declared(made), config.bento.routes, explain=config.bento.explain))
        )
        return Bundled(bento, store.publish(made, bento, workshop), tag)


def sign(config: ModelConfig, tag: ModelTag) -> None:
    """A model that was trained before a key was configured gets its signature now.

    Args:
        config: The model's `ekiben.yaml`.
        tag: The model.

    Raises:
        ConfigError: The model does not verify, or the key is none of the signers'.
    """
    folder = models.folder_of(tag)
    if config.bento.seal.key_file and (content := configured.signature_of(folder, config)) is not None:
        models.sign(folder, content)


def _intact(folder: Path, sources: Mapping[str, Source]) -> bool:
    if not all((folder / name).is_file() for name in ("bento.yaml", ROUTES)):
        return False
    packed = {name: folder / "src" / name for name in sources}
    return all(
        path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sources[name].sha256
        for name, path in packed.items()
    )


def _made(
    config: ModelConfig,
    tag: ModelTag,
    bento: BentoTag,
    sources: Mapping[str, Source],
    lock: Path,
    workshop: Path,
) -> Path:
    """Let BentoML build from a copy of the sources, so that what was hashed is what is packed."""
    context = workshop / "context"
    for name, source in sources.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.path, context / name)
    (context / "bentofile.yaml").write_text(yaml.safe_dump(_bentofile(config, tag, bento, sources, lock)))
    try:
        command.run(
            [sys.executable, "-m", "bentoml", "build", "--output", "tag", "--version", bento.version, "."],
            cwd=context,
            env={
                "BENTOML_HOME": str(workshop),
                "BENTOML_DO_NOT_TRACK": "True",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
    except ToolError as error:
        error.remedy = (
            f"BentoML imports {config.bento.service} (a class with @bentoml.service) from the files of "
            "bento.include: correct what its last lines say"
        )
        raise
    return workshop / "bentos" / bento.name / bento.version


def _bentofile(
    config: ModelConfig, tag: ModelTag, bento: BentoTag, sources: Mapping[str, Source], lock: Path
) -> dict[str, Any]:
    return {
        "service": config.bento.service,
        "name": bento.name,
        "labels": {"ekiben.model": str(tag).replace(":", "-")},
        "include": sorted(sources),
        "models": [str(tag)],
        # The lock is ours; BentoML's would ask the index again, and write its address into the bento.
        "python": {
            "packages": [f"{name}=={number}" for name, number in _PIN.findall(lock.read_text())],
            "lock_packages": False,
        },
    }


def _declared(made: Path) -> list[str]:
    """Routes of the service, as BentoML recorded them when it imported it."""
    document = yaml.safe_load((made / "bento.yaml").read_text(encoding="utf-8"))
    paths = document.get("schema", {}).get("paths")
    if not isinstance(paths, dict):
        raise ConfigError(
            f"expected a BentoML service (a class with @bentoml.service), found {document.get('service')!r}",
            remedy="correct bento.service in ekiben.yaml",
        )
    return [str(route) for route in paths]
