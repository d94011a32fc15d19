"""`python -m ekiben.ground.rules API PROMETHEUS`: the cluster's PrometheusRules for the node's Prometheus.

What Prometheus' operator does where one runs: the chart's object becomes a file that Prometheus reads. A
rule that Prometheus would refuse is left out and said so in the log: with it in the folder, no change of
anybody's would be taken any more.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekiben.clients import command
from ekiben.ground.component import PKI
from ekiben.ground.layout import NODE, NODE_BINARIES

_log = logging.getLogger(__name__)
_LIST = "/apis/monitoring.coreos.com/v1/prometheusrules"
_POLL_SECONDS = 2.0
_TIMEOUT_SECONDS = 30.0
PREFIX = "object-"  # of our files: what else lies in the folder is not ours to remove
Refusal = Callable[[Path], str]


def wanted(objects: Mapping[str, Any]) -> dict[str, str]:
    """Give a file for each object of a list, by name; its text is JSON, which is YAML.

    Args:
        objects: A list of PrometheusRules, as the API answers.
    """
    found = {}
    for each in objects["items"]:
        # A namespace has no dot, so no two objects have one name.
        name = f"{PREFIX}{each['metadata']['namespace']}.{each['metadata']['name']}.yaml"
        found[name] = json.dumps({"groups": each["spec"].get("groups") or []}, sort_keys=True)
    return found


@dataclass(slots=True)
class Mirror:
    """The folder that Prometheus reads, as the cluster wants it.

    Attributes:
        folder: Its `*.yaml` files are read.
        refusal: Says why Prometheus would refuse a file; empty if it takes it.
        refused: Text of each object that was refused, by name of its file.
    """

    folder: Path
    refusal: Refusal
    refused: dict[str, str] = field(default_factory=dict)

    def follow(self, files: Mapping[str, str]) -> bool:
        """Make the folder hold these files, and no other of ours; returns whether anything changed.

        An object that is refused keeps its last file that was taken.
        """
        changed = False
        for path in self.folder.glob(f"{PREFIX}*.yaml"):
            if path.name not in files:
                path.unlink()
                changed = True
        for name, text in files.items():
            path = self.folder / name
            if self.refused.get(name) != text and not (path.exists() and path.read_text() == text):
                changed = self._taken(path, text) or changed
        return changed

    def _taken(self, path: Path, text: str) -> bool:
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        why = self.refusal(partial)
        if why:
            partial.unlink()
            self.refused[path.name] = text
            _log.error("%s: expected rules that Prometheus takes, found: %s", path.name, why)
            return False
        self.refused.pop(path.name, None)
        partial.replace(path)
        return True


def refusal(path: Path) -> str:
    """What promtool has against a file; empty for nothing."""
    argv = [str(NODE_BINARIES / "promtool"), "check", "rules", "--lint=none", str(path)]
    done = command.run(argv, check=False, show=False)
    return "" if done.status == 0 else (done.stderr or done.stdout).strip()


def _listed(api: http.client.HTTPSConnection) -> dict[str, Any] | None:
    """Every object; None while the API cannot say."""
    try:
        api.request("GET", _LIST)
        answer = api.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        api.close()  # the next request connects again
        return None
    found: dict[str, Any] | None = json.loads(content) if answer.status == http.client.OK else None
    return found


def _reloaded(prometheus: str) -> bool:
    """Let Prometheus read its files again; False while it does not answer."""
    connection = http.client.HTTPConnection(prometheus, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/-/reload")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(server: str, prometheus: str) -> None:
    """Follow the cluster for as long as the node lives.

    Args:
        server: `host:port` of the API server.
        prometheus: `host:port`.
    """
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    context = ssl.create_default_context(cafile=PKI / "ca.crt")
    context.load_cert_chain(PKI / "prometheus.crt", PKI / "prometheus.key")
    api = http.client.HTTPSConnection(server, context=context, timeout=_TIMEOUT_SECONDS)
    mirror, due = Mirror(NODE / "rules", refusal), True
    while True:
        objects = _listed(api)
        if objects is not None:
            due = mirror.follow(wanted(objects)) or due
        due = due and not _reloaded(prometheus)
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
