"""What a store shows from outside: BentoML's own listing, hashes of all files, aliases."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_TIMED = ("model.yaml", "bento.yaml")  # BentoML's records hold the clock
_PLACES = ("ekiben-staging", "ekiben-workshop")


@dataclass(frozen=True, slots=True)
class State:
    """A store at rest.

    Attributes:
        items: `models/name/version` or `bentos/name/version` -> hash of its files.
        pointers: Every `latest`, and every alias.
        broken: What is listed and not whole, in words; no part of comparisons.
    """

    items: dict[str, str]
    pointers: dict[str, str]
    broken: list[str] = field(default_factory=list, compare=False)

    def between(self, before: State, after: State) -> bool:
        """Whether each single item and pointer is as before or as after."""
        pairs = ((self.items, before.items, after.items), (self.pointers, before.pointers, after.pointers))
        return all(
            mine.get(key) in (old.get(key), new.get(key))
            for mine, old, new in pairs
            for key in {*mine, *old, *new}
        )

    def differs(self, other: State) -> str:
        """Say where, in short."""
        mine, theirs = {**self.items, **self.pointers}, {**other.items, **other.pointers}
        return ", ".join(sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)))


def state(home: Path) -> State:
    """Read a store as BentoML does."""
    items: dict[str, str] = {}
    broken: list[str] = []
    for kind in ("models", "bentos"):
        for folder in sorted((home / kind).glob("*/*/")):
            items[str(folder.relative_to(home))] = _hash(folder)
    broken += _unlisted(home, items)
    pointers = {
        str(path.relative_to(home)): path.read_text().strip()
        for kind in ("models", "bentos")
        for path in sorted((home / kind).glob("*/latest"))
    }
    broken += [
        f"{name} names nothing: {version!r}"
        for name, version in pointers.items()
        if str(Path(name).parent / version) not in items
    ]
    for path in sorted((home / "ekiben-ledger").glob("*.json")):
        for alias, version in json.loads(path.read_text())["aliases"].items():
            pointers[f"{path.stem}:{alias}"] = version
    return State(items, pointers, broken)


def left(home: Path) -> list[str]:
    """What a run left in the places where it works."""
    places = [path for place in _PLACES for path in home.glob(f"{place}/*") if path.name != "lock"]
    return [str(path) for path in (*places, *home.glob("*/*/.*"), *home.glob("ekiben-ledger/.*"))]


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = b"" if path.name in _TIMED and path.parent == folder else path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _unlisted(home: Path, items: dict[str, str]) -> list[str]:
    """Let BentoML list, and read each model as the pod would and each bento's record."""
    from bentoml._internal.bento.bento import BentoStore
    from bentoml._internal.models.model import ModelStore

    from ekiben.errors import ConfigError
    from ekiben.serving import artefact, predictors

    wrong = []
    listed = set()
    if (home / "models").is_dir():
        for model in ModelStore(home / "models").list():
            listed.add(f"models/{model.tag.name}/{model.tag.version}")
            try:
                predictors.load(artefact.read(Path(model.path)))
            except ConfigError as error:
                wrong.append(f"listed and not whole: {model.tag}: {error}")
    if (home / "bentos").is_dir():
        for bento in BentoStore(home / "bentos").list():
            listed.add(f"bentos/{bento.tag.name}/{bento.tag.version}")
            if yaml.safe_load((Path(bento.path) / "bento.yaml").read_text())["name"] != bento.tag.name:
                wrong.append(f"listed and not whole: {bento.tag}")
    if listed != set(items):
        wrong.append(f"BentoML lists {sorted(listed)}, the folders are {sorted(items)}")
    return wrong
