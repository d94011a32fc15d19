"""BentoML's bento store: a bento appears in it whole or not at all.

BentoML builds into a home of its own beside the real one, which shows it one
version of the model only: what `BentoModel("iris:latest")` means is then no
accident of what was trained last. One rename publishes the result.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekiben.artefact.store import WORKSHOP, folder_of, home
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ModelTag


def bento_folder(tag: BentoTag) -> Path:
    """Folder of a stored bento; it may not exist."""
    return home() / "bentos" / tag.name / tag.version


@contextmanager
def workshop(model: ModelTag) -> Iterator[Path]:
    """A BentoML home that holds the models, this one in this version only, and no bento yet.

    One run at a time; what killed runs left goes.

    Raises:
        ConfigError: The model is not in the store.
    """
    folder = folder_of(model)
    if not (folder / "manifest.json").is_file():
        raise ConfigError(
            f"expected the model {model} in {folder}, found none", remedy=f"run `ekiben train {model.name}`"
        )
    with _turn() as place:
        _show_models(place, folder, model)
        yield place


@contextmanager
def _turn() -> Iterator[Path]:
    """A folder beside the store, for one run at a time; what killed runs left there goes."""
    root = home() / WORKSHOP
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=root) as name:
            yield Path(name)


def _show_models(workshop: Path, folder: Path, model: ModelTag) -> None:
    models = workshop / "models"
    models.mkdir()
    for other in sorted((home() / "models").iterdir()):
        if other.is_dir() and other.name != model.name:
            (models / other.name).symlink_to(other.resolve())
    own = models / model.name
    own.mkdir()
    (own / model.version).symlink_to(folder.resolve())
    (own / "latest").write_text(model.version, encoding="utf-8")


def publish(made: Path, tag: BentoTag, workshop: Path) -> Path:
    """Move a finished bento to its place; whatever was there goes.

    Args:
        made: The finished bento.
        tag: Its name.
        workshop: Where it was made, on the same file system.
    """
    target = bento_folder(tag)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(workshop / "replaced")
    made.rename(target)
    _point_latest(tag, workshop)
    return target


def point_latest(tag: BentoTag) -> None:
    """`name:latest` is the bento packed last, also if it was there already."""
    with _turn() as place:
        _point_latest(tag, place)


def _point_latest(tag: BentoTag, place: Path) -> None:
    (place / "latest").write_text(tag.version, encoding="utf-8")
    (place / "latest").replace(bento_folder(tag).parent / "latest")
