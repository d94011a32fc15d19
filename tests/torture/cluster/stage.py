"""What can be released: two versions of a model, and releases that cannot serve; made once, then kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.e2e.rig import Project, Rig
from tests.torture.cluster import watch
from tests.torture.pod import results

ROOT = Path(__file__).resolve().parents[3]
RELEASE = "iris"
REPLICAS = 3
Bad = Literal["crashing", "stuck", "stranger"]
BAD: tuple[Bad, ...] = ("crashing", "stuck", "stranger")
_FAULTY = {
    "crashing": "raise SystemExit('this crashes on purpose')",
    "stuck": "import time; time.sleep(3600)",
}
_STATIONS = ("train", "bento", "image")
_VALUES = "EKIBEN_RELEASE__VALUES"
_ESTIMATOR = "bentos/iris/estimator.py"
_SEED = re.compile(r"random_state=\d+")


@dataclass(frozen=True)
class Stage:
    """A namespace of a cluster, and projects that release to it.

    Attributes:
        rig: The cluster.
        namespace: Where all is released.
        folder: Keeps models, images and keys between runs.
        values: Chart values of all releases; a seeded fault's.
        models: Folder of the artefact of each version, in the order of `first` and `second`.
        first: Project of one version.
        second: Project of the other.
        signer: Whose signature pods believe.
    """

    rig: Rig
    namespace: str
    folder: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Path] = field(default_factory=dict)
    first: Project = field(init=False)
    second: Project = field(init=False)

    def __post_init__(self) -> None:
        """Make both versions."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        own = {"EKIBEN_BENTO__SEAL": json.dumps(_seal(_keys(folder, "team")))}
        versions: dict[str, Path] = {}
        for name, seed in (("first", 42), ("second", 7)):
            project = self._project(name, own)
            _rewritten(project.root / _ESTIMATOR, f"random_state={seed}")
            trained = built(project)
            versions[trained["tag"].partition(":")[2]] = Path(trained["folder"])
            object.__setattr__(self, name, project)
        object.__setattr__(self, "models", versions)

    def version(self, project: Project) -> str:
        """The version that one of the two releases."""
        return list(self.models)[0 if project.root == self.first.root else 1]

    def other(self, project: Project) -> Project:
        """The other one of the two."""
        return self.second if project.root == self.first.root else self.first

    def bad(self, kind: Bad) -> Project:
        """A release of the second version that cannot serve."""
        quick = with_environment(self.second, EKIBEN_RELEASE__TIMEOUT_SECONDS="40")
        if kind == "stranger":  # who signed it is nobody whom its pods believe
            policy = {"signers": _seal(_keys(self.folder, "stranger"))["signers"]}
            return with_environment(quick, EKIBEN_BENTO__SEAL=json.dumps(policy))
        return with_values(quick, {"command": ["/usr/bin/python3", "-c", _FAULTY[kind]]})

    def serving(self) -> Project | None:
        """Which of the two serves now; None if neither does."""
        found = self.rig.kubectl(
            "get", "deployment", RELEASE, "-n", self.namespace, "--ignore-not-found", "-o", "json"
        )
        labels = json.loads(found)["spec"]["template"]["metadata"]["labels"] if found.strip() else {}
        version = labels.get("app.kubernetes.io/version", "")
        return next((one for one in (self.first, self.second) if self.version(one) == version), None)

    def calm(self, project: Project | None = None, replicas: int = REPLICAS) -> Project:
        """Release one of the two (whichever serves, if none is named) as it is meant to be, and wait."""
        chosen = project or self.serving() or self.first
        if not self.is_last(chosen):
            done = self.release(chosen)
            assert done.returncode == 0, done.stderr
        with watch.watching(self.rig, self.namespace) as seen:
            seen.settled(replicas)
        time.sleep(2)
        self.keep(chosen)
        return chosen

    def is_last(self, project: Project) -> bool:
        """Whether this was released the last time and came to rest; nobody else releases here."""
        return self._last.exists() and self._last.read_text(encoding="utf-8") == _named(project)

    def keep(self, project: Project | None) -> None:
        """Write down what was released and is at rest; None: it is not known."""
        if project is None:
            self._last.unlink(missing_ok=True)
        else:
            self._last.write_text(_named(project), encoding="utf-8")

    @property
    def _last(self) -> Path:
        return self.folder / f"last-{self.namespace}"

    def release(self, project: Project) -> subprocess.CompletedProcess[str]:
        """Run `ekiben release`, whatever becomes of it."""
        self.keep(None)
        return project.run("release", RELEASE)

    def address(self) -> tuple[str, int]:
        """Of the Service, inside the cluster."""
        spec = self.rig.get("service", RELEASE, "-n", self.namespace)["spec"]
        return spec["clusterIP"], int(spec["ports"][0]["port"])

    def _project(self, name: str, more: Mapping[str, str]) -> Project:
        environment = {
            "BENTOML_HOME": str(self.folder / "home"),
            "BENTOML_DO_NOT_TRACK": "True",
            "EKIBEN_SCALE__MIN_REPLICAS": str(REPLICAS),
            "EKIBEN_SCALE__MAX_REPLICAS": "6",
            # Pods that start take much CPU for a moment: a release must not scale it up.
            "EKIBEN_SCALE__TARGET_CPU_PERCENT": "100",
            "EKIBEN_SCALE__SCALE_DOWN_WINDOW_SECONDS": "15",
            "EKIBEN_IMAGE__REVISION": "none",
            _VALUES: json.dumps(self.values),
            **more,
        }
        return kept(self.folder / name, self.rig, self.namespace, environment)


def kept(root: Path, rig: Rig, namespace: str, environment: Mapping[str, str]) -> Project:
    """The project in a folder, which an earlier run may have left there."""
    if root.exists():
        return Project(root, rig, namespace, environment)
    return Project.copy(ROOT, root, rig, namespace, environment)


def built(project: Project) -> dict[str, Any]:
    """Train, pack and push, unless that was done with this code; gives what `ekiben train` said."""
    kept = project.root / "built.json"
    code = results.digest({*(ROOT / "src/ekiben").rglob("*.py"), ROOT / "requirements/pod.txt"})
    made: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if made.get("code") != code:
        left = [project.ekiben(station, RELEASE) for station in _STATIONS]
        made = {**left[0], "code": code}
        kept.write_text(json.dumps(made), encoding="utf-8")
    return made


def _named(project: Project) -> str:
    """Tell one release from another: its project, its settings, and the code that is released."""
    files = {*(ROOT / "src/ekiben").rglob("*.py"), *(ROOT / "helm/model-server").rglob("*.*")}
    code = results.digest(path for path in files if path.is_file())
    return json.dumps([str(project.root), dict(project.environment), code], sort_keys=True)


def with_environment(project: Project, **more: str) -> Project:
    """The same project with other settings."""
    return Project(project.root, project.rig, project.namespace, {**project.environment, **more})


def with_values(project: Project, values: Mapping[str, Any], **more: str) -> Project:
    """The same project with more chart values."""
    laid = {**json.loads(project.environment[_VALUES]), **values}
    return with_environment(project, **{_VALUES: json.dumps(laid)}, **more)


def _rewritten(path: Path, seed: str) -> None:
    text = path.read_text(encoding="utf-8")
    if (changed := _SEED.sub(seed, text)) != text:
        path.write_text(changed, encoding="utf-8")


def _keys(folder: Path, name: str) -> Path:
    """Folder with a private key `key` and its public one `signer`, made by the command that people type."""
    place = folder / "keys" / name
    if not (place / "signer").exists():
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "ekiben", "seal", "keypair", str(place / "key"), "--json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        (place / "signer").write_text(json.loads(done.stdout)["signer"], encoding="utf-8")
    return place


def _seal(keys: Path) -> dict[str, Any]:
    """Sign with these keys, and believe them alone."""
    return {"key_file": str(keys / "key"), "signers": [(keys / "signer").read_text(encoding="utf-8")]}
