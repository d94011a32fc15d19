"""An API server as the judge of random value sets: a dry run of every object, of every kind.

What pods and objects lean on is made for real: namespaces, ServiceAccounts, the kinds of other projects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.chart import custom
from tests.e2e.rig import Rig
from tests.torture.chart.batches import Rendered

_DRY = " serverside-applied (server dry run)"
_MANAGER = "ekiben-dry-run"


class ApiServer:
    """`kubectl apply --server-side --dry-run=server`.

    Args:
        rig: A cluster of ekiben's own, for nothing else: kinds are added to it.
    """

    name = "API server"

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._made: set[tuple[str, str]] = set()
        for kind in custom.CRDS:
            rig.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=custom.text(kind))
            rig.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{custom.plural(kind)}")

    def errors(self, found: Sequence[Rendered], _folder: Path) -> list[str]:
        """Dry-run each; what the server says of an object that it does not take is one line."""
        return [line for one in found for line in self.complaints(one)]

    def complaints(self, one: Rendered) -> Iterator[str]:
        """What the API server says of one set, but that it would take it; warnings are its own business."""
        objects = [each for each in yaml.load_all(one.file.read_text("utf-8"), yaml.CBaseLoader) if each]
        for each in objects:
            self._lean(each)
        argv = ("apply", "--server-side", "--dry-run=server", f"--field-manager={_MANAGER}", "-f")
        said = self._rig.kubectl(*argv, str(one.file), check=False).splitlines()
        taken = sum(line.endswith(_DRY) for line in said)
        for line in said:
            if not line.endswith(_DRY) and not line.startswith("Warning: "):
                yield f"set {one.which}: {line}"
        if taken != len(objects):
            yield f"set {one.which}: {taken} of {len(objects)} objects were taken"

    def _lean(self, found: dict[str, Any]) -> None:
        place = found["metadata"].get("namespace", "default")
        self._make("namespace", place, ())
        spec = found.get("spec") or {}
        if found["kind"] == "Pod" and "serviceAccountName" in spec:
            self._make("serviceaccount", spec["serviceAccountName"], ("-n", place))

    def _make(self, kind: str, name: str, where: tuple[str, ...]) -> None:
        if (kind, f"{where}{name}") in self._made:
            return
        said = self._rig.kubectl("create", kind, name, *where, check=False)
        assert "created" in said or "already exists" in said, said
        self._made.add((kind, f"{where}{name}"))
