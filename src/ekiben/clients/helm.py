"""Helm 3.14 and up, and Helm 4, through the command door; always one named context.

Values go in by standard input: they are never arguments and never a file that stays behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekiben.clients import command
from ekiben.errors import ClusterError, ToolError

HISTORY_MAX = 30  # revisions that Helm keeps: ten verified ones, and those that failed between them
_SERVER_SIDE_SINCE = 4  # major version
_RENDER_FOR = "v1.35.0"  # what a render without a cluster assumes; a Helm built from source says v1.20
_TIMEOUT_SECONDS = 120.0  # no command waits for pods; longer means that the API server hangs


@dataclass(frozen=True, slots=True)
class HelmRevision:
    """One revision in Helm's history.

    Attributes:
        number: 1 and up.
        status: Helm's word: deployed, superseded, failed, pending-install, ...
        description: What Helm says about it.
    """

    number: int
    status: str
    description: str = ""

    @property
    def pending(self) -> bool:
        """True while (or because) a Helm command did not finish."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm at one cluster.

    Attributes:
        program: The helm executable.
        context: Name of the kube context.
        kubeconfig: File that holds it; None means kubectl's own search path.
        server_side: Apply on the server and take over fields that somebody edited by hand (Helm 4).
            Without that one edit would refuse every later upgrade and rollback. The HPA is not
            fought: the chart renders no replicas under it.
    """

    program: Path
    context: str
    kubeconfig: Path | None = None
    server_side: bool = False

    def __post_init__(self) -> None:
        if not self.context:
            raise ClusterError("expected the name of a kube context, found none", remedy="give --context")

    def upgrade_argv(self, release: str, chart: Path, namespace: str) -> tuple[str, ...]:
        """Return the command that installs or upgrades; the values are its standard input."""
        return self._argv(
            "upgrade", release, str(chart), "--install", "--namespace", namespace, "--reset-values",
            "--values", "-", "--history-max", str(HISTORY_MAX), "--output", "json", *self._apply(),
        )  # fmt: skip

    def upgrade(self, release: str, chart: Path, namespace: str, values: Mapping[str, Any]) -> HelmRevision:
        """Install or upgrade without waiting for pods; returns the new revision.

        Raises:
            ToolError: Helm refused.
        """
        done = self._run(*self.upgrade_argv(release, chart, namespace), stdin=written(values))
        return _revision(json.loads(done.stdout))

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        """Make a new revision that is a copy of `revision`, without waiting for pods.

        Raises:
            ToolError: Helm refused.
        """
        self._run(
            *self._argv(
                "rollback",
                release,
                str(revision),
                "--namespace",
                namespace,
                "--history-max",
                str(HISTORY_MAX),
                *self._apply(),
            )
        )

    def uninstall(self, release: str, namespace: str) -> bool:
        """Remove a release and its history; False if there was none.

        Raises:
            ToolError: Helm refused.
        """
        argv = self._argv("uninstall", release, "--namespace", namespace, "--ignore-not-found")
        done = self._run(*argv)
        return "not found" not in (done.stdout + done.stderr).lower()

    def history(self, release: str, namespace: str) -> tuple[HelmRevision, ...]:
        """Return the revisions, oldest first; empty if there is no such release.

        Raises:
            ToolError: Helm refused.
        """
        argv = self._argv(
            "history", release, "--namespace", namespace, "--max", str(HISTORY_MAX), "--output", "json"
        )
        done = command.run(argv, timeout_seconds=_TIMEOUT_SECONDS, check=False, show=False)
        if done.status != 0 and "not found" in done.stderr:
            return ()
        if done.status != 0:
            last = "\n".join(done.stderr.splitlines()[-20:])
            raise ToolError(
                f"helm history {release} ended with {done.status}",
                argv=argv,
                status=done.status,
                last_lines=last,
            )
        rows = json.loads(done.stdout)
        return tuple(HelmRevision(int(r["revision"]), r["status"], r.get("description", "")) for r in rows)

    def status(self, release: str, namespace: str) -> HelmRevision | None:
        """Return the newest revision; None if there is no such release.

        Raises:
            ToolError: Helm refused.
        """
        revisions = self.history(release, namespace)
        return revisions[-1] if revisions else None

    def test(self, release: str, namespace: str, *, timeout_seconds: int = 120) -> str:
        """Run the chart's own tests; returns what they printed.

        Raises:
            ToolError: One failed.
        """
        return self._run(
            *self._argv(
                "test", release, "--namespace", namespace, "--logs", "--timeout", f"{timeout_seconds}s"
            )
        ).stdout

    def _apply(self) -> tuple[str, ...]:
        return ("--server-side=true", "--force-conflicts") if self.server_side else ()

    def _argv(self, *arguments: str) -> tuple[str, ...]:
        where = ["--kube-context", self.context]
        if self.kubeconfig is not None:
            where += ["--kubeconfig", str(self.kubeconfig)]
        return (str(self.program), *arguments, *where)

    def _run(self, *argv: str, stdin: str | None = None) -> command.Completed:
        return command.run(argv, stdin=stdin, timeout_seconds=_TIMEOUT_SECONDS)


def is_server_side(program: Path) -> bool:
    """True if this Helm can apply on the server: version 4 and up.

    Raises:
        ToolError: It does not say its version.
    """
    argv = (str(program), "version", "--template", "{{.Version}}")
    text = command.run(argv, timeout_seconds=_TIMEOUT_SECONDS, show=False).stdout
    found = re.match(r"v(\d+)\.", text)
    if found is None:
        raise ToolError(f"expected a version of {program}, found {text[:80]!r}", argv=argv)
    return int(found[1]) >= _SERVER_SIDE_SINCE


def template(
    program: Path,
    chart: Path,
    release: str,
    namespace: str,
    values: Mapping[str, Any],
    *,
    api_versions: tuple[str, ...] = (),
    skip_tests: bool = False,
) -> str:
    """Render a chart; asks no cluster.

    Raises:
        ToolError: The chart or its schema refuses the values.
    """
    argv = [str(program), "template", release, str(chart), "--namespace", namespace, "--values", "-"]
    argv += ["--kube-version", _RENDER_FOR]
    for version in api_versions:
        argv += ["--api-versions", version]
    if skip_tests:
        argv.append("--skip-tests")
    return command.run(argv, stdin=written(values), timeout_seconds=_TIMEOUT_SECONDS, show=False).stdout


def lint(program: Path, chart: Path, values: Mapping[str, Any]) -> None:
    """Run `helm lint --strict`.

    Raises:
        ToolError: With what it found.
    """
    argv = [str(program), "lint", "--strict", str(chart), "--values", "-", "--kube-version", _RENDER_FOR]
    command.run(argv, stdin=written(values), timeout_seconds=_TIMEOUT_SECONDS, show=False)


def written(values: Mapping[str, Any]) -> str:
    """Write values for Helm, as JSON: `1e5` is text to a writer of YAML 1.1, and a number to Helm.

    The line ends: Helm 4 (seen with 4.1.4) takes one of 4,096 bytes, or a multiple, without an end for no
    values at all, and says nothing. Source: https://github.com/helm/helm/issues/32506
    """
    return json.dumps(dict(values), sort_keys=True) + "\n"


def _revision(document: Mapping[str, Any]) -> HelmRevision:
    info = document["info"]
    return HelmRevision(int(document["version"]), info["status"], info.get("description", ""))
