"""BentoML's model store: an artefact appears in it whole or not at all.

BentoML's own store copies file by file into the final folder, so a killed run
would leave a half model that `iris:latest` may name. Here BentoML fills a
staging store on the same file system, and one rename publishes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving.seal import signature

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

MODULE = "ekiben.artefact"
METADATA_KEY = "ekiben_artefact"


def home() -> Path:
    """BentoML's home, as BentoML finds it.

    Source: https://docs.bentoml.com/en/latest/reference/bentoml/configurations.html
    """
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")


def folder_of(tag: ModelTag, at: Path | None = None) -> Path:
    """Folder of a stored model; it may not exist."""
    return (at or home()) / "models" / tag.name / tag.version


def store(folder: Path, at: Path | None = None) -> tuple[ModelTag, Path]:
    """Put an artefact into BentoML's model store; one that is there already stays as it is.

    Args:
        folder: The artefact's files.
        at: BentoML's home; None takes the usual one.

    Returns:
        Its tag and its folder in the store.

    Raises:
        ConfigError: The artefact does not verify.
    """
    artefact = reader.read(folder)
    tag = ModelTag(artefact.name, artefact.version)
    base = at or home()
    target = folder_of(tag, base)
    with _staging(base) as staging:
        if not _intact(target, artefact.sha256):
            made = _create(folder, artefact, tag, staging)
            if target.exists():
                target.rename(staging / "damaged")
            target.parent.mkdir(parents=True, exist_ok=True)
            made.rename(target)
        elif signature.FILE in artefact.beside:
            _put(target / signature.FILE, (folder / signature.FILE).read_bytes(), staging)
        _point_latest(target, staging)
    return tag, target


def sign(folder: Path, content: bytes, at: Path | None = None) -> None:
    """Put a signature beside a stored model's files, whole or not at all.

    Args:
        folder: The model's, in the store.
        content: Of the signature.
        at: BentoML's home; None takes the usual one.
    """
    with _staging(at or home()) as staging:
        _put(folder / signature.FILE, content, staging)


def _put(place: Path, content: bytes, staging: Path) -> None:
    made = staging / place.name
    made.write_bytes(content)
    made.replace(place)


def _intact(target: Path, sha256: str) -> bool:
    try:
        return (target / "model.yaml").stat().st_size > 0 and reader.read(target).sha256 == sha256
    except (ConfigError, OSError):
        return False


def _create(folder: Path, artefact: reader.Artefact, tag: ModelTag, staging: Path) -> Path:
    """Let BentoML make the model in the staging store."""
    import bentoml
    from bentoml._internal.models.model import ModelStore

    (staging / "models").mkdir()
    with bentoml.models.create(
        str(tag),
        module=MODULE,
        metadata={METADATA_KEY: artefact.sha256},
        _model_store=ModelStore(staging / "models"),
    ) as model:
        for name in (*artefact.files, reader.MANIFEST, *artefact.beside):
            shutil.copyfile(folder / name, model.path_of(name))
    return staging / "models" / tag.name / tag.version


def _point_latest(target: Path, staging: Path) -> None:
    """`name:latest` is the model trained last."""
    (staging / "latest").write_text(target.name, encoding="utf-8")
    (staging / "latest").replace(target.parent / "latest")


@contextmanager
def _staging(base: Path) -> Iterator[Path]:
    """Folder beside the store, for one run at a time; what killed runs left in it goes."""
    root = base / "ekiben-staging"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        folder = Path(tempfile.mkdtemp(dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
