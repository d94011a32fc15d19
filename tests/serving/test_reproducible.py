from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import pathlib, sys
ballast = [object() for _ in range(int(sys.argv[2]))]
from ekiben import config
from ekiben.train import station
project = pathlib.Path(sys.argv[1])
print(station.train(config.load("iris", project, {}), project).artefact_sha256)
"""


def test_two_processes_train_the_same_artefact(artefact: Path, tmp_path: Path) -> None:
    """Other hash seeds, folders, umasks, homes and memory layouts do not show in any byte of it."""
    hashes, folders = set(), [artefact]
    for seed, ballast, umask, cwd in (("1", "0", 0o022, "/"), ("2", "5000", 0o077, str(tmp_path))):
        home = tmp_path / seed
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(ROOT), ballast],
            env={**os.environ, "PYTHONHASHSEED": seed, "BENTOML_HOME": str(home)},
            cwd=cwd,
            umask=umask,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        hashes.add(done.stdout.strip())
        folders.append(home / "models" / "iris" / done.stdout.strip()[7:23])
    assert len(hashes) == 1
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    for each in contents:
        each.pop("model.yaml")  # BentoML's record, with its date; no part of the artefact
    assert contents[0] == contents[1] == contents[2]
