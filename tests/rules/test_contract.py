"""The text of a scrape, before Prometheus' own linter."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ekiben.clients import command
from ekiben.serving import metrics
from ekiben.serving.instruments import Instruments

pytestmark = pytest.mark.timeout(900)  # the first one may have to build promtool


@dataclass(frozen=True)
class Model:
    name: str = "iris"
    version: str = "7"
    sha256: str = "ab"


def test_promtool_has_nothing_to_say(promtool: str) -> None:
    """Names, units, types and help texts of every metric, with every protocol's series."""
    instruments = Instruments(Model(), "onnxruntime", objectives=(0.3,))
    for route in metrics.PROTOCOLS:
        instruments.visits(route, "POST").arrived()
    text = b"".join(instruments.parts("")).decode()
    done = command.run([promtool, "check", "metrics"], stdin=text, check=False, show=False)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
