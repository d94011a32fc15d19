"""The image, killed while it is assembled and pushed to a registry on the loopback."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests.torture import kill_state, kill_stations
from tests.torture.kill_state import State, state

from ekiben.identifiers import BentoTag
from ekiben.image.layer import hash_of

_ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"

_FOR_DOCKER = "manifest.json"


@contextmanager
def registry(folder: Path) -> Iterator[None]:
    """A registry without TLS on a free port; `folder/registry` says which."""
    program = shutil.which("docker-registry")
    if program is None:
        raise SystemExit(
            "kills of image need a registry: apt-get install --no-install-recommends docker-registry"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry-blobs")}},
        "http": {"addr": host},
    }
    (folder / "registry.yml").write_text(yaml.safe_dump(settings))
    (folder / "registry").write_text(host)
    with (folder / "registry.log").open("w") as log, subprocess.Popen(
        [program, "serve", str(folder / "registry.yml")], stdout=log, stderr=log
    ) as process:  # fmt: skip
        try:
            _wait(host)
            yield
        finally:
            process.terminate()


def _wait(host: str) -> None:
    deadline = time.monotonic() + 20
    while _got(f"http://{host}/v2/") is None:
        if time.monotonic() > deadline:
            raise SystemExit("the registry did not start")
        time.sleep(0.05)


def prepare(home: Path, folder: Path) -> None:
    """A bento, and a cache with the layers below it: what this machine has made before is copied."""
    from ekiben.clients import places
    from ekiben.image import assembly
    from ekiben.image.blobs import Blobs
    from ekiben.image.packed import Packed

    kill_stations.trained(home, folder)
    kill_stations.bento(home, folder)
    cache, usual = places.cache() / "image", Path.home() / ".cache" / "ekiben" / "image"
    for record in [*usual.glob("layers/base-*.json"), *usual.glob("layers/core-*.json")]:
        _copied(record, usual, cache)
    config = kill_stations.configuration(folder)
    with Blobs(cache).opened() as blobs:
        ground = assembly.ground_of(config, blobs, None)
        parts = Packed.read(_tag(home)).parts(config)
        asked = {layer.digest for layer in (*ground.layers, *assembly.packages_on(ground, blobs, parts))}
    for record in cache.glob("layers/*.json"):
        if (digest := json.loads(record.read_bytes())["digest"]) not in asked:
            record.unlink()
            (cache / "blobs" / digest.replace(":", "/")).unlink(missing_ok=True)


def _copied(record: Path, usual: Path, cache: Path) -> None:
    """Copy a layer of the usual cache, if it is one."""
    digest = json.loads(record.read_bytes()).get("digest", "sha256:none")
    blob = Path("blobs") / digest.replace(":", "/")
    if (usual / blob).is_file():
        for path in (blob, record.relative_to(usual)):
            (cache / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(usual / path, cache / path)


def prepare_push(home: Path, folder: Path) -> None:
    """The same, and all layers are made: what is left is the layout and the push."""
    from ekiben.clients import places
    from ekiben.image import assembly
    from ekiben.image.blobs import Blobs
    from ekiben.image.packed import Packed

    prepare(home, folder)
    with Blobs(places.cache() / "image").opened() as blobs:
        config, packed = kill_stations.configuration(folder), Packed.read(_tag(home))
        assembly.assemble(config, packed, blobs, None, destination=_repository(home))
    shutil.rmtree(places.cache() / "image" / "images")


def work(home: Path, folder: Path) -> None:
    """Assemble, and push to a repository of this home's own."""
    from ekiben.image import station

    config = kill_stations.configuration(folder)
    image = config.image.model_copy(update={"repository": _repository(home)})
    station.build(config.model_copy(update={"image": image}), _tag(home), (folder / "registry").read_text())


def _tag(home: Path) -> BentoTag:
    (latest,) = home.glob("bentos/*/latest")
    return BentoTag(latest.parent.name, latest.read_text().strip())


def _repository(home: Path) -> str:
    return f"small/{home.name}"


def look(home: Path, folder: Path) -> State:
    """What the store, the cache and the registry list; by the hash of its bytes."""
    found = state(home)
    cache = home / "cache" / "image"
    for record in cache.glob("layers/*.json"):
        digest = json.loads(record.read_bytes())["digest"]
        found.items[f"layer {record.name}"] = digest
        if hash_of(cache / "blobs" / digest.replace(":", "/")) != digest:
            found.broken.append(f"listed and not whole: {record.name}")
    for layout in cache.glob("images/*"):
        if not (layout / _FOR_DOCKER).is_file():
            found.broken.append(f"listed and not whole: image {layout.name}")
            continue
        every = sorted(path for path in layout.rglob("*") if path.is_file())
        hashes = {str(path.relative_to(layout)): hash_of(path) for path in every}
        name = (layout / _FOR_DOCKER).read_text().replace(_repository(home), "")  # the one word that differs
        hashes[_FOR_DOCKER] = hashlib.sha256(name.encode()).hexdigest()
        found.items[f"image {layout.name}"] = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()
    _of_registry(found, f"http://{(folder / 'registry').read_text()}/v2/{_repository(home)}")
    return found


def _of_registry(found: State, repository: str) -> None:
    """Each tag with what its manifest names, down to the layers."""
    listed = _got(f"{repository}/tags/list")
    for tag in (json.loads(listed)["tags"] or []) if listed else []:
        content = _got(f"{repository}/manifests/{tag}")
        if content is None:
            found.broken.append(f"listed and not there: {tag}")
            continue
        found.items[f"pushed {tag}"] = hashlib.sha256(content).hexdigest()
        found.broken.extend(f"of pushed {tag}: {lost}" for lost in _lost(repository, json.loads(content)))


def _lost(repository: str, document: dict[str, Any]) -> Iterator[str]:
    """What a manifest, or an index, names and the registry does not give."""
    for below in document.get("manifests", []):
        content = _got(f"{repository}/manifests/{below['digest']}")
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != below["digest"]:
            yield f"{below['digest']} is not there"
        else:
            yield from _lost(repository, json.loads(content))
    for part in [document["config"], *document["layers"]] if "layers" in document else []:
        content = _got(f"{repository}/blobs/{part['digest']}")
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != part["digest"]:
            yield f"{part['digest']} is not there"


def left(home: Path) -> list[str]:
    """What a run left half-made."""
    return [*map(str, (home / "cache" / "image").glob(".making-*")), *kill_state.left(home)]


def _got(url: str) -> bytes | None:
    """Body of an answer; None if there is none."""
    request = urllib.request.Request(url, headers={"Accept": _ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except OSError:
        return None
