"""`ekiben seal` and `ekiben model verify`, as people and machines call them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ekiben.artefact.seal import keys, sign
from ekiben.cli import app

ARTEFACT = Path(__file__).parents[1] / "serving" / "artefacts" / "format-2"


def test_from_a_key_pair_to_a_verified_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pair is made and not shown; `verify` says who signed, and ends with 2 where another key is given."""
    key, other, folder = tmp_path / "key", tmp_path / "other", tmp_path / "model"
    assert app.main(["seal", "keypair", str(key), "--dry-run"]) == 0
    assert not key.exists()
    assert app.main(["seal", "keypair", str(key)]) == 0
    shown = capsys.readouterr().out
    assert keys.signer(tmp_path / "key.pub").text in shown
    assert key.read_text().splitlines()[1] not in shown
    shutil.copytree(ARTEFACT, folder)
    signer = keys.signer(tmp_path / "key.pub")
    (folder / "signature.json").write_bytes(sign.bundle_for(folder, key, [signer]) or b"")
    assert app.main(["model", "verify", str(folder), "--key", str(key) + ".pub", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["signer"], found["files"], found["predictor"]) == (signer.fingerprint, 8, "onnx")
    assert app.main(["seal", "keypair", str(other)]) == 0
    assert app.main(["model", "verify", str(folder), "--key", f"{other}.pub"]) == 2
    assert "expected a signature by" in capsys.readouterr().err


def test_an_encryption_key_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file alone has it."""
    assert app.main(["seal", "secret", str(tmp_path / "k"), "--json"]) == 0
    printed = capsys.readouterr()
    assert (tmp_path / "k").read_text().strip() not in printed.out + printed.err
