"""`bento export` and the assembly of an image, killed at random moments; the next run repairs.

Needs what `ekiben image` needs (mmdebstrap, a package index), no root, no registry. Takes minutes.
The seed is printed; `EKIBEN_TORTURE_SEED` repeats a run, `EKIBEN_TORTURE_KILLS` makes it longer.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from ekiben.image.layer import hash_of

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("EKIBEN_TORTURE_KILLS", "5"))
EMPTIED_EVERY = 5  # kills; a cold build takes the longest, and has the most to leave half-made
CHILD = """
import json, sys
from pathlib import Path
from ekiben import config
from ekiben.clients import places
from ekiben.identifiers import BentoTag
from ekiben.image import assembly, export
from ekiben.image.blobs import Blobs
from ekiben.image.packed import Packed
root, tag, to = Path(sys.argv[1]), BentoTag.parse(sys.argv[2]), Path(sys.argv[3])
found = config.load(tag.name, root)
with Blobs(places.cache() / "image").opened() as blobs:
    made = assembly.assemble(found, Packed.read(tag), blobs, None, destination="x")
export.export(found, tag, to)
print(json.dumps([made.digest, str(made.archive)]))
"""


def packed(environment: dict[str, str]) -> str:
    """A bento, by the first two stations."""
    for verb in ("train", "bento"):
        done = subprocess.run(
            [sys.executable, "-m", "ekiben", "--project", str(ROOT), verb, "iris", "--json"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    return str(json.loads(done.stdout)["tag"])


def whole(cache: Path) -> None:
    """Nothing is listed that is not there with its own bytes."""
    image = cache / "image"
    for record in image.glob("layers/*.json"):
        digest = json.loads(record.read_bytes())["digest"]
        assert hash_of(image / "blobs/sha256" / digest.removeprefix("sha256:")) == digest, record
    for layout in image.glob("images/*"):
        (one,) = json.loads((layout / "index.json").read_bytes())["manifests"]
        assert one["digest"] == f"sha256:{layout.name}"
        manifest = json.loads((layout / "blobs/sha256" / layout.name).read_bytes())
        for part in (manifest["config"], *manifest["layers"]):
            assert hash_of(layout / "blobs" / part["digest"].replace(":", "/")) == part["digest"]


def test_an_image_that_was_killed_is_whole_or_absent_and_the_next_run_repairs(tmp_path: Path) -> None:
    """After each kill nothing half-made is listed; the last run gives the digest of an undisturbed one."""
    seed = int(os.environ.get("EKIBEN_TORTURE_SEED", str(time.time_ns() % 2**32)))
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)  # noqa: S311  # no secret
    cache, undisturbed = tmp_path / "cache", tmp_path / "undisturbed"
    environment = {
        **os.environ,
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "EKIBEN_STATE": str(tmp_path / "state"),
    }
    tag = packed(environment)

    def start(place: Path, to: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(ROOT), tag, str(to)],
            env={**environment, "EKIBEN_CACHE": str(place)}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    began = time.monotonic()
    expected, errors = start(undisturbed, tmp_path / "expected").communicate()
    longest = time.monotonic() - began
    assert expected, errors
    for kill in range(KILLS):
        if kill % EMPTIED_EVERY == 0:
            shutil.rmtree(cache, ignore_errors=True)
        to = tmp_path / f"export-{kill}"
        child = start(cache, to)
        try:
            child.wait(chance.uniform(0.1, longest))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        whole(cache)
        assert not to.exists() or (to / "serve").is_file()
    found, errors = start(cache, tmp_path / "last").communicate()
    assert found, errors
    assert json.loads(found)[0] == json.loads(expected)[0]
    assert not list((cache / "image").glob(".making-*"))
