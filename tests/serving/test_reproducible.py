from __future__ import annotations

import os
import shutil
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
    """Other hash seeds, folders, umasks, users, zones, homes, threads and memory layouts leave no trace."""
    copied = tmp_path / "another place"
    shutil.copytree(ROOT / "bentos", copied / "bentos", ignore=shutil.ignore_patterns("__pycache__"))
    hashes, folders = set(), [artefact]
    for seed, ballast, umask, project, others in (
        ("1", "0", 0o022, ROOT, {"USER": "ada", "TZ": "UTC", "OMP_NUM_THREADS": "1"}),
        ("2", "5000", 0o077, copied, {"USER": "bo", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "2"}),
    ):
        home = tmp_path / seed
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(project), ballast],
            env={**os.environ, "PYTHONHASHSEED": seed, "BENTOML_HOME": str(home), **others},
            cwd=project,
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
