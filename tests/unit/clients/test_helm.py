"""Helm through the command door, with a program that writes down how it was called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ekiben.clients.helm import Helm, HelmRevision
from ekiben.errors import ClusterError, ToolError

SCRIPT = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/argv"
cat > "{folder}/stdin"
cat "{folder}/stdout"
cat "{folder}/stderr" >&2
exit $(cat "{folder}/status")
"""


class Recorder:
    """A helm that writes down its arguments and standard input, and answers as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "helm"
        self.program.write_text(SCRIPT.format(folder=folder))
        self.program.chmod(0o755)
        self.answers("")

    def answers(self, stdout: str, stderr: str = "", status: int = 0) -> None:
        (self.folder / "stdout").write_text(stdout)
        (self.folder / "stderr").write_text(stderr)
        (self.folder / "status").write_text(str(status))

    @property
    def argv(self) -> list[str]:
        return (self.folder / "argv").read_text().splitlines()

    @property
    def stdin(self) -> str:
        return (self.folder / "stdin").read_text()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def helm(recorder: Recorder) -> Helm:
    return Helm(recorder.program, "mine", Path("/k/config"))


def test_an_upgrade_names_its_context_and_hides_its_values(recorder: Recorder, helm: Helm) -> None:
    """Values go in by standard input; the new revision comes back; nothing waits for pods."""
    recorder.answers(
        json.dumps({"version": 3, "info": {"status": "deployed", "description": "Upgrade complete"}})
    )
    found = helm.upgrade("iris", Path("/chart"), "models", {"env": {"KEY": "hidden"}})
    assert found == HelmRevision(3, "deployed", "Upgrade complete")
    assert yaml.safe_load(recorder.stdin) == {"env": {"KEY": "hidden"}}
    line = " ".join(recorder.argv)
    assert line.startswith("upgrade iris /chart --install --namespace models")
    assert "--kube-context mine --kubeconfig /k/config" in line
    assert "hidden" not in line
    assert "--wait" not in line


def test_a_helm_without_context_is_refused() -> None:
    """Helm's own default would be the current context."""
    with pytest.raises(ClusterError):
        Helm(Path("helm"), "")


def test_history_is_read_and_may_be_empty(recorder: Recorder, helm: Helm) -> None:
    """A release that is not there has no history; any other failure is one."""
    rows = [
        {"revision": 1, "status": "superseded", "description": "Install complete"},
        {"revision": 2, "status": "pending-upgrade", "description": "Preparing upgrade"},
    ]
    recorder.answers(json.dumps(rows))
    found = helm.history("iris", "models")
    assert [(one.number, one.pending) for one in found] == [(1, False), (2, True)]
    assert helm.status("iris", "models") == found[-1]
    recorder.answers("", "Error: release: not found", 1)
    assert helm.history("iris", "models") == ()
    assert helm.status("iris", "models") is None
    recorder.answers("", "Error: Kubernetes cluster unreachable", 1)
    with pytest.raises(ToolError, match="ended with 1") as error:
        helm.history("iris", "models")
    assert "unreachable" in error.value.last_lines


def test_a_rollback_names_its_revision(recorder: Recorder, helm: Helm) -> None:
    """Never Helm's own guess of the one before."""
    helm.rollback("iris", "models", 4)
    assert recorder.argv[:3] == ["rollback", "iris", "4"]


def test_uninstalling_what_is_not_there_is_no_error(recorder: Recorder, helm: Helm) -> None:
    """It says whether something was removed."""
    recorder.answers('release "iris" uninstalled')
    assert helm.uninstall("iris", "models") is True
    recorder.answers("release: not found")
    assert helm.uninstall("iris", "models") is False
    assert "--ignore-not-found" in recorder.argv


@pytest.mark.parametrize("text", ["1e5", "08", "0x1f", "yes", "null", "1234567890123e45", "", "é: #"])
def test_a_text_reaches_helm_as_a_text(recorder: Recorder, helm: Helm, text: str) -> None:
    """A version of digits and one `e` is a number to Helm if it is not in quotes."""
    recorder.answers(json.dumps({"version": 1, "info": {"status": "deployed"}}))
    helm.upgrade("iris", Path("chart"), "m", {"model": {"version": text}})
    assert json.loads(recorder.stdin) == {"model": {"version": text}}
