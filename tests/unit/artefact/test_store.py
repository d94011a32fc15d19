from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier

from ekiben.artefact import store
from ekiben.artefact.write import write
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving.schema import Input, Output, Schema

SCHEMA = Schema((Input("a", "float64"),), Output("classification", (0, 1), probabilities=True))
GOLDEN = {
    "instances": [{"a": 1.0}],
    "predictions": [0],
    "probabilities": [[0.5, 0.5]],
    "relative_tolerance": 1e-9,
}


def made(folder: Path, score: float = 0.5) -> Path:
    """A small artefact; another score makes another one."""
    folder.mkdir()
    estimator = DummyClassifier(strategy="uniform", random_state=0).fit([[0], [1]], [0, 1])
    write(folder, "small", estimator, SCHEMA, golden=GOLDEN, reference={}, card={"score": score})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listed(home: Path) -> list[tuple[str, Any]]:
    """What BentoML itself finds in the store."""
    from bentoml._internal.models.model import ModelStore

    return sorted((str(model.tag), model.info.metadata) for model in ModelStore(home / "models").list())


def test_bentoml_finds_what_was_stored(tmp_path: Path) -> None:
    """Tag, metadata and `latest` are as BentoML has them; the files are those of the artefact."""
    source = made(tmp_path / "a")
    tag, folder = store.store(source, tmp_path / "home")
    sha256 = reader.read(source).sha256
    assert tag == ModelTag("small", sha256[7:23])
    assert folder == tmp_path / "home" / "models" / "small" / tag.version
    assert listed(tmp_path / "home") == [(str(tag), {"ekiben_artefact": sha256})]
    assert (folder.parent / "latest").read_text() == tag.version
    assert {name: data for name, data in contents(folder).items() if name != "model.yaml"} == contents(source)
    assert reader.read(folder).sha256 == sha256


def test_the_same_artefact_again_changes_nothing(tmp_path: Path) -> None:
    """Not even BentoML's record with its creation time."""
    source = made(tmp_path / "a")
    first = store.store(source, tmp_path / "home")
    before = contents(first[1])
    assert store.store(source, tmp_path / "home") == first
    assert contents(first[1]) == before


def test_latest_is_the_one_stored_last(tmp_path: Path) -> None:
    """Also if it was in the store before."""
    one, other = made(tmp_path / "a", 0.1), made(tmp_path / "b", 0.2)
    home = tmp_path / "home"
    tags = [store.store(source, home)[0] for source in (one, other, one)]
    assert tags[0] == tags[2] != tags[1]
    assert (home / "models" / "small" / "latest").read_text() == tags[0].version
    assert len(listed(home)) == 2


@pytest.mark.parametrize("damage", ["remove", "truncate", "record", "empty", "add"])
def test_a_half_model_is_replaced(tmp_path: Path, damage: str) -> None:
    """Whatever is wrong with the folder that the store holds, storing again makes it whole."""
    source, home = made(tmp_path / "a"), tmp_path / "home"
    _, folder = store.store(source, home)
    if damage == "remove":
        (folder / "golden.json").unlink()
    elif damage == "truncate":
        (folder / "estimator.skops").write_bytes(b"PK")
    elif damage == "record":
        (folder / "model.yaml").write_bytes(b"")
    elif damage == "add":
        (folder / "extra").touch()
    else:
        for path in folder.iterdir():
            path.unlink()
    store.store(source, home)
    assert reader.read(folder).name == "small"
    assert len(listed(home)) == 1


KILLED = """
import json, os, pathlib, signal, sys
from ekiben.artefact import store
from ekiben.serving import artefact as reader
import bentoml._internal.models.model  # imported once, before the forks
source, root = map(pathlib.Path, sys.argv[1:])

def child(home, step):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in ("open", "os.rename", "os.mkdir", "os.remove") and str(home) in str(arguments[0]):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    store.store(source, home)
    os._exit(0)

outcomes = []
while True:
    step = len(outcomes) + 1
    home = root / str(step)
    if (pid := os.fork()) == 0:
        child(home, step)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        break
    found = [reader.read(folder).name for folder in (home / "models").glob("small/*/")]
    store.store(source, home)
    left = [path.name for path in (home / "ekiben-staging").iterdir()]
    again = [reader.read(folder).name for folder in (home / "models").glob("small/*/")]
    outcomes.append([found, left, again])
assert status == 0, status
print(json.dumps(outcomes))
"""


def test_a_killed_run_leaves_no_half_model(tmp_path: Path) -> None:
    """Killed at each of its steps, the store holds the whole model or none, and the next run tidies up."""
    source = made(tmp_path / "a")
    argv = [sys.executable, "-c", KILLED, str(source), str(tmp_path)]
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(tmp_path / "other")}
    done = subprocess.run(argv, check=False, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert len(outcomes) > 20
    assert {tuple(found) for found, _, _ in outcomes} == {(), ("small",)}
    assert all((left, again) == (["lock"], ["small"]) for _, left, again in outcomes)


def test_two_at_once(tmp_path: Path) -> None:
    """Two runs that store the same artefact at the same time both succeed."""
    source, home = made(tmp_path / "a"), tmp_path / "home"
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(store.store(source, home))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(listed(home)) == 1


def test_a_broken_artefact_is_not_stored(tmp_path: Path) -> None:
    """What does not verify does not get in."""
    source = made(tmp_path / "a")
    (source / "card.json").write_text(json.dumps({"score": 1.0}))
    with pytest.raises(ConfigError, match=r"card\.json was changed"):
        store.store(source, tmp_path / "home")
    assert not (tmp_path / "home").exists()
