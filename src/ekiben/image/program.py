"""The upper layers: ekiben's own pod half, the bento, and last the model, which changes most."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

import yaml

import ekiben
from ekiben.artefact.seal import encrypt
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ModelTag
from ekiben.image import layout, python, sbom, tree
from ekiben.image.blobs import Blobs, Made
from ekiben.image.layer import Layer, hash_of
from ekiben.image.packages import SITE, Compiler
from ekiben.serving import artefact
from ekiben.serving.custom import ROUTES

BENTO = "opt/ekiben/bento"
MODEL = "opt/ekiben/model"
SBOM = "opt/ekiben/sbom.json"
# All of ekiben that a pod may import; import-linter keeps it so.
_HALF = ("__init__.py", "errors.py", "identifiers.py", "version.py", "serving")
_BENTO_FILES = (ROUTES, "src")


def bill(below: Sequence[Layer]) -> bytes:
    """Everything that an image installs: ekiben, and what the layers under it do.

    Args:
        below: Base and packages.
    """
    return sbom.document([_own(), *(part for layer in below for part in layer.components)])


def _own() -> sbom.Component:
    return sbom.Component("pypi", "ekiben", metadata.version("ekiben"), "Apache-2.0")


def ekiben_layer(blobs: Blobs, base: str, bill: bytes, compiler: Compiler) -> Layer:
    """The half of ekiben that a pod needs, and the list of everything that the image installs.

    Args:
        blobs: The cache.
        base: What decides the bytecode.
        bill: The list.
        compiler: Opens the Python that writes the bytecode.
    """
    root = Path(ekiben.__file__).parent
    sources = {
        path.relative_to(root).as_posix(): path
        for name in _HALF
        for path in ([root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py")))
    }
    key = _key(
        base, hashlib.sha256(bill).hexdigest(), *(f"{name} {hash_of(path)}" for name, path in sources.items())
    )

    def make(room: Path) -> Made:
        site = room / "site"
        for name, path in sources.items():
            (site / "ekiben" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, site / "ekiben" / name)
        with compiler(room) as found:
            python.compile_all(found, site, f"/{SITE}")
        return Made([*tree.walk(site, SITE), tree.file(SBOM, bill)], [_own()])

    with blobs.room() as room:
        return blobs.layer("ekiben", key, lambda: make(room))


def bento_layer(blobs: Blobs, folder: Path) -> Layer:
    """The bento without its model.

    Args:
        blobs: The cache.
        folder: The bento in the store.
    """
    entries = [
        *tree.walk(folder, BENTO, keep=lambda path: path.partition("/")[0] in _BENTO_FILES),
        tree.file(f"{BENTO}/bento.yaml", timeless((folder / "bento.yaml").read_text(encoding="utf-8"))),
    ]
    return blobs.layer("bento", _entries_key(entries), lambda: Made(entries))


def model_layer(blobs: Blobs, sealed: artefact.Artefact, key: encrypt.LiveKey | None = None) -> Layer:
    """The artefact, as its manifest lists it, with its signature.

    Args:
        blobs: The cache.
        sealed: The model in the store, verified.
        key: What its files are encrypted with; None leaves them plain.
    """
    carried = dict(encrypt.carried(sealed, key))
    plain = {name for name, content in carried.items() if isinstance(content, Path)}
    entries = [
        *tree.walk(sealed.folder, MODEL, keep=lambda path: path in plain),
        *(
            tree.file(f"{MODEL}/{name}", content)
            for name, content in sorted(carried.items())
            if isinstance(content, bytes)
        ),
    ]
    return blobs.layer("model", _entries_key(entries), lambda: Made(entries))


def model_of(folder: Path, bento: BentoTag) -> ModelTag:
    """The model that a bento was built with.

    Raises:
        ConfigError: There is no such bento, or it holds no model of its name.
    """
    try:
        document = yaml.safe_load((folder / "bento.yaml").read_text(encoding="utf-8"))
        tags = [ModelTag.parse(str(model["tag"])) for model in document["models"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"expected the bento {bento} in {folder}, found: {error}",
            remedy=f"run `ekiben bento {bento.name}`",
        ) from error
    own = [tag for tag in tags if tag.name == bento.name]
    if len(own) != 1 or not (folder / ROUTES).is_file():
        raise ConfigError(
            f"expected a bento that `ekiben bento` packed, with one model {bento.name!r}, found {bento}",
            remedy=f"run `ekiben bento {bento.name}`",
        )
    return own[0]


def timeless(text: str) -> bytes:
    """A record of BentoML's without its times, so that the same content gives the same bytes."""
    return yaml.safe_dump(_timeless(yaml.safe_load(text)), sort_keys=True).encode()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: layout.EPOCH if key == "creation_time" else _timeless(inner) for key, inner in value.items()
        }
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def _entries_key(entries: Iterable[tree.Entry]) -> str:
    def content(entry: tree.Entry) -> str:
        if isinstance(entry.content, Path):
            return hash_of(entry.content)
        return hashlib.sha256(entry.content).hexdigest()

    return _key(*(f"{e.path} {e.kind} {e.mode:o} {e.target} {content(e)}" for e in entries))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
