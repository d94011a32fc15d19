"""BentoML's model store: an artefact appears in it whole or not at all.

BentoML's own store copies file by file into the final folder, so a killed run
would leave a half model that `iris:latest` may name. Here BentoML fills a
staging store on the same file system, and one rename publishes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving.seal import signature

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

MODULE = "ekiben.artefact"
METADATA_KEY = "ekiben_artefact"
ORIGIN_KEY = "ekiben_origin"
WORKSHOP = "ekiben-workshop"  # where bentos are packed, one at a time
FOREIGN = frozenset({"model.yaml"})  # BentoML's own record, no file of the artefact


def home() -> Path:
    """BentoML's home, as BentoML finds it.

    Source: https://docs.bentoml.com/en/latest/reference/bentoml/configurations.html
    """
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")


def folder_of(tag: ModelTag, at: Path | None = None) -> Path:
    """Folder of a stored model; it may not exist."""
    return (at or home()) / "models" / tag.name / tag.version


def store(
    folder: Path, at: Path | None = None, *, origin: Mapping[str, str] | None = None
) -> tuple[ModelTag, Path]:
    """Put an artefact into BentoML's model store; one that is there already stays as it is.

    Args:
        folder: The artefact's files.
        at: BentoML's home; None takes the usual one.
        origin: Where it comes from if it was not trained here; kept in BentoML's record. `name:latest`, the
            model trained last, then stays what it was.

    Returns:
        Its tag and its folder in the store.

    Raises:
        ConfigError: The artefact does not verify.
    """
    artefact = reader.read(folder)
    tag = ModelTag(artefact.name, artefact.version)
    base = at or home()
    target = folder_of(tag, base)
    with staging(base) as staged:
        if not intact(target, artefact.sha256):
            made = _create(folder, artefact, tag, staged, origin)
            if target.exists():
                target.rename(staged / "damaged")
            target.parent.mkdir(parents=True, exist_ok=True)
            made.rename(target)
        elif signature.FILE in artefact.beside:
            _put(target / signature.FILE, (folder / signature.FILE).read_bytes(), staged)
        if origin is None or latest(tag.name, base) is None:
            _point_latest(target, staged)
    return tag, target


def latest(name: str, at: Path | None = None) -> str | None:
    """Version that BentoML's `name:latest` means; None if the store has none."""
    try:
        return ((at or home()) / "models" / name / "latest").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def require(tag: ModelTag, at: Path | None = None) -> str:
    """Check that a stored model is what its version says, byte for byte.

    Unlike the pod's reader this asks for no versions of libraries: a store may hold what this machine
    cannot run.

    Returns:
        The artefact's hash, `sha256:...`.

    Raises:
        ConfigError: It is not there, or a file is absent or was changed.
    """
    folder = folder_of(tag, at)
    try:
        manifest = (folder / reader.MANIFEST).read_bytes()
    except OSError:
        raise ConfigError(
            f"expected the model {tag} in the store, found none in {folder}",
            remedy=f"`ekiben model list {tag.name}` shows what there is",
        ) from None
    sha256 = reader.hash_of(manifest)
    if reader.version_of(sha256) != tag.version:
        raise ConfigError(
            f"{tag}: {reader.MANIFEST} was changed: its hash is {sha256}",
            remedy=f"train it again, or import it again: the files in {folder} are not those of this version",
        )
    for name, expected in json.loads(manifest)["files"].items():
        _require_file(folder / name, expected, tag)
    return sha256


def sha256_of(path: Path) -> str | None:
    """Hex SHA-256 of a regular file; None if it is none."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_file(path: Path, expected: str, tag: ModelTag) -> None:
    found = sha256_of(path)
    if found != expected:
        raise ConfigError(
            f"{tag}: expected {path.name} with sha256 {expected}, found {found or 'no such file'}",
            remedy="train it again, or import it again",
        )


def sign(folder: Path, content: bytes, at: Path | None = None) -> None:
    """Put a signature beside a stored model's files, whole or not at all.

    Args:
        folder: The model's, in the store.
        content: Of the signature.
        at: BentoML's home; None takes the usual one.
    """
    with staging(at or home()) as staged:
        _put(folder / signature.FILE, content, staged)


def _put(place: Path, content: bytes, staged: Path) -> None:
    made = staged / place.name
    made.write_bytes(content)
    made.replace(place)


def intact(target: Path, sha256: str) -> bool:
    """Whether a folder of the store holds this artefact, whole, and BentoML's record of it."""
    try:
        return (target / "model.yaml").stat().st_size > 0 and reader.read(target).sha256 == sha256
    except (ConfigError, OSError):
        return False


def _create(
    folder: Path, artefact: reader.Artefact, tag: ModelTag, staging: Path, origin: Mapping[str, str] | None
) -> Path:
    """Let BentoML make the model in the staging store, and read again what it made."""
    import bentoml
    from bentoml._internal.models.model import ModelStore

    (staging / "models").mkdir()
    with bentoml.models.create(
        str(tag),
        module=MODULE,
        metadata={METADATA_KEY: artefact.sha256, **({ORIGIN_KEY: dict(origin)} if origin else {})},
        _model_store=ModelStore(staging / "models"),
    ) as model:
        for name in (*artefact.files, reader.MANIFEST, *artefact.beside):
            shutil.copyfile(folder / name, model.path_of(name), follow_symlinks=False)
    made = staging / "models" / tag.name / tag.version
    if reader.read(made).sha256 != artefact.sha256:
        raise ConfigError(
            f"{folder} was changed while it was stored", remedy="run it again when nobody writes to it"
        )
    return made


def _point_latest(target: Path, staging: Path) -> None:
    """`name:latest` is the model trained last."""
    (staging / "latest").write_text(target.name, encoding="utf-8")
    (staging / "latest").replace(target.parent / "latest")


@contextmanager
def staging(base: Path) -> Iterator[Path]:
    """Folder beside the store, for one run at a time; what killed runs left in it goes.

    Whoever changes the store or a ledger does it in here.

    Args:
        base: BentoML's home.
    """
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
