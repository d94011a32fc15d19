"""A good artefact, and what becomes of its changed copies."""

from __future__ import annotations

import random
import shutil
import sys
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tests.torture.artefact import mutations
from tests.torture.artefact.hostile import Hostile, hostile

from ekiben.artefact.forms.proof import prove
from ekiben.artefact.seal import keys, sign
from ekiben.artefact.write import write
from ekiben.errors import ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictor import Form
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.seal.policy import Policy

_FORMS: tuple[Form, ...] = ("onnx", "scikit-learn")


class Trial:
    """Trials in one folder.

    Attributes:
        canary: File that the code in hostile artefacts would make.
        deserialised: What any of them made an unpickler look up.

    Args:
        room: An empty folder.
    """

    def __init__(self, room: Path) -> None:
        self.canary = room / "canary"
        self._room, self._good = room, room / "good"
        self._copy = room / "copy" / "model"
        signer = keys.create_pair(room / "key")
        self._policy = Policy((signer,))
        _write(self._good)
        content = sign.bundle_for(self._good, room / "key", [signer])
        assert content is not None
        (self._good / "signature.json").write_bytes(content)
        for form in _FORMS:
            predictors.load(reader.read(self._good, form, self._policy))
        self.deserialised = _deserialised()
        self.deserialised.clear()

    def attacks(self) -> list[Hostile]:
        """Every hostile artefact."""
        return hostile(self.canary)

    def mutation(self, seed: int) -> str:
        """Change a copy and read it; empty if it was refused, else what was done."""
        done = mutations.changed(self.fresh(), seed)
        form = random.Random(seed).choice(_FORMS)  # noqa: S311 - not for secrets
        try:
            reader.read(self._copy, form, self._policy)
        except ConfigError:
            return ""
        return f"{seed}: {done}"

    def attack(self, attack: Hostile) -> str:
        """Read and load a hostile artefact, first where a signature is asked for; empty if refused."""
        folder = attack.make(self.fresh())
        taken = ""
        for policy in (self._policy, Policy()):
            for form in _FORMS:
                try:
                    predictors.load(reader.read(folder, form, policy))
                except ConfigError:
                    break
            else:
                taken += f"{attack.name} {'with' if policy.signers else 'without'} signers; "
        return taken

    def fresh(self) -> Path:
        """Give a copy of the good artefact."""
        shutil.rmtree(self._copy.parent, ignore_errors=True)
        shutil.copytree(self._good, self._copy)
        return self._copy


@cache
def _deserialised() -> set[str]:
    """What an unpickler looks up from now on in this process; hooks cannot be taken out again.

    Source: https://docs.python.org/3/library/audit_events.html
    """
    found: set[str] = set()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class":
            found.add(".".join(map(str, arguments)))

    sys.addaudithook(hook)
    return found


def _write(folder: Path) -> None:
    folder.mkdir()
    rows = np.random.default_rng(0).uniform(-1, 1, size=(60, 3))
    labels = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    fitted = RandomForestClassifier(2, max_depth=3, random_state=0).fit(rows, labels)
    schema = Schema(
        tuple(Input(name, "float64") for name in "abc"), Output("classification", (0, 1), probabilities=True)
    )
    golden = {
        "instances": [dict(zip("abc", rows[0].tolist(), strict=True))],
        "predictions": fitted.predict(rows[:1]).tolist(),
        "probabilities": fitted.predict_proba(rows[:1]).tolist(),
        "relative_tolerance": 1e-9,
    }
    proven = prove(fitted, schema, rows, rows[:10], count=1_000, seed=0)
    write(folder, "small", fitted, schema, golden=golden, reference={}, card={"score": 1.0}, proven=proven)
