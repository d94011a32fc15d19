"""What the seal costs a start: an artefact of 100 MB, read and verified in new processes.

CPU time is judged: it is what a start takes on a core of its own, whatever else this machine does. Reading
the bytes, which a pod does without a seal as well, counts; what it takes alone stands beside it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier
from tests.torture.pod.scenario import Check, Scale

from ekiben.artefact.seal import encrypt, keys, sign
from ekiben.artefact.write import write
from ekiben.serving import artefact as reader
from ekiben.serving.schema import Input, Output, Schema

if TYPE_CHECKING:
    from tests.torture.artefact.suite import Found

MEGABYTES = 100
MOST_MILLISECONDS = 150
_RUNS = 15
_ALONE = "the bytes read and nothing checked"
# What a pod does; its other imports are there by then, those of the seal count.
_CHILD = """
import json, sys, time
from pathlib import Path
from ekiben.serving import artefact
from ekiben.serving.seal.policy import Policy
from ekiben.serving.seal.signature import Signer
folder, signer, live = sys.argv[1:]
policy = Policy((Signer.parse(signer),) if signer else (), keys=Path(live) if live else None)
began, used = time.perf_counter(), time.process_time()
if sys.argv[1:] == [folder, "", "nothing"]:
    contents, found = [path.read_bytes() for path in Path(folder).iterdir()], None
else:
    found = artefact.read(Path(folder), policy=policy)
used, wall = time.process_time() - used, time.perf_counter() - began
print(json.dumps([used, wall, found and found.signer, found and found.key_id]))
"""


def measured(_: int, folder: Path, scale: Scale) -> Found:
    """Read each kind several times in turn, so that what else the machine does meets all of them."""
    from tests.torture.artefact.suite import Found

    kinds = _made(folder, MEGABYTES if scale == "full" else 1)
    used: dict[str, list[float]] = {name: [] for name in kinds}
    wall: dict[str, list[float]] = {name: [] for name in kinds}
    for at in range(1 + (_RUNS if scale == "full" else 1)):
        for name, argv in kinds.items():
            spent = _read(name, argv)
            if at:  # the first one fills the page cache
                used[name].append(1000 * spent[0])
                wall[name].append(1000 * spent[1])
    checks, notes = [], {}
    for name in kinds:
        said = f"CPU {_told(used[name])}; by the clock {_told(wall[name])}; {len(used[name])} runs"
        notes[name] = said
        if name != _ALONE:
            met = statistics.median(used[name]) <= MOST_MILLISECONDS or scale == "short"
            checks.append(
                Check(f"{name}: at most {MOST_MILLISECONDS} ms of CPU, median", met, said, figure=True)
            )
    return Found(sum(map(len, used.values())), tuple(checks), notes)


def _told(found: list[float]) -> str:
    """Median and spread, milliseconds."""
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return f"median {middle:.0f} ms (quartiles {low:.0f} to {high:.0f}, most {max(found):.0f})"


def _made(folder: Path, megabytes: int) -> dict[str, tuple[str, str, str]]:
    """Folder, signer and folder of keys, by kind."""
    plain, signed, encrypted, live = (folder / name for name in ("plain", "signed", "encrypted", "live"))
    _write(plain, megabytes)
    signer = keys.create_pair(folder / "key")
    content = sign.bundle_for(plain, folder / "key", [signer])
    assert content is not None
    for each in (signed, encrypted, live):
        each.mkdir()
    keys.create_secret(live / "k1")
    for path in plain.iterdir():
        (signed / path.name).write_bytes(path.read_bytes())
    (signed / "signature.json").write_bytes(content)
    for name, held in encrypt.carried(reader.read(signed), encrypt.LiveKey("k1", live / "k1")):
        (encrypted / name).write_bytes(held.read_bytes() if isinstance(held, Path) else held)
    return {
        _ALONE: (str(plain), "", "nothing"),
        "hashes": (str(plain), "", ""),
        "hashes and signature": (str(signed), signer.text, ""),
        "hashes, signature and encryption": (str(encrypted), signer.text, str(live)),
    }


def _write(folder: Path, megabytes: int) -> None:
    """An artefact whose estimator holds an array of random numbers."""
    folder.mkdir()
    fitted = DummyClassifier(strategy="prior").fit([[0.0], [1.0]], [0, 1])
    fitted.ballast_ = np.random.default_rng(0).random(megabytes * 125_000)
    schema = Schema((Input("a", "float64"),), Output("classification", (0, 1), probabilities=True))
    golden = {
        "instances": [{"a": 1.0}],
        "predictions": [0],
        "probabilities": [[0.5, 0.5]],
        "relative_tolerance": 1e-9,
    }
    write(folder, "large", fitted, schema, golden=golden, reference={}, card={})


def _read(name: str, argv: tuple[str, str, str]) -> tuple[float, float]:
    """Seconds of CPU and by the clock."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *argv],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    used, wall, signer, key = json.loads(done.stdout)
    assert (signer is not None) == ("signature" in name)
    assert (key is not None) == ("encryption" in name)
    return used, wall
