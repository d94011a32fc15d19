"""What a comparison with the running pod found, kept beside BentoML's store.

`parity.json` is part of the artefact's hash, and the artefact is what the pod was started with: its outcome
cannot stand in there. It stands in `ekiben-evidence/<model>/<version>.json` of the same home, under a key of
all that decides it; neither bento nor image hold it, so their digests do not change with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ekiben
from ekiben.artefact import store
from ekiben.identifiers import ModelTag
from ekiben.serving import versions

FOLDER = "ekiben-evidence"
FORMAT = 1
# The half of ekiben that a pod runs.
_HALF = ("__init__.py", "errors.py", "identifiers.py", "version.py", "serving")


def serving_hash() -> str:
    """Hash of the code that a pod runs and of the versions that answer; hex."""
    root = Path(ekiben.__file__).parent
    sources = [
        path
        for name in _HALF
        for path in ([root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py")))
    ]
    digest = hashlib.sha256(json.dumps(versions.here(), sort_keys=True).encode())
    for path in sources:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def path_of(tag: ModelTag) -> Path:
    """File of a model's evidence; it may not exist."""
    return store.home() / FOLDER / tag.name / f"{tag.version}.json"


def kept(tag: ModelTag, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was found before for all that is in the key; None if nothing was, or the file is no such.

    Args:
        tag: The model.
        key: What decides the outcome; JSON.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads(path_of(tag).read_bytes())
        if document["format"] == FORMAT and document["key"] == dict(key):
            found: dict[str, Any] = document["found"]
            return found
    return None


def keep(tag: ModelTag, key: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Write what was found, whole or not at all; evidence of versions that have gone goes too.

    Args:
        tag: The model.
        key: What decides the outcome; JSON.
        found: The outcome; JSON.
    """
    document = {"format": FORMAT, "key": dict(key), "found": dict(found)}
    path = path_of(tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.staging(store.home()) as staged:
        made = staged / path.name
        with made.open("w", encoding="utf-8") as out:
            json.dump(document, out, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
            out.flush()
            os.fsync(out.fileno())
        made.replace(path)
        for other in path.parent.glob("*.json"):
            if not store.folder_of(ModelTag(tag.name, other.stem)).is_dir():
                other.unlink()
