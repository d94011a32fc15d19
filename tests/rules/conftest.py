"""`evaluate`: what Prometheus' own engine makes of a query over synthetic series, by promtool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from ekiben.clients import command, tools

SCRAPE_SECONDS = 15
RESOLUTION = 2.0**-30
Evaluate = Callable[[Mapping[str, str], str, Mapping[str, float]], None]


@pytest.fixture(scope="session")
def promtool() -> str:
    """The program; built on a machine that has none."""
    return str(tools.find("promtool"))


@pytest.fixture
def evaluate(promtool: str, tmp_path: Path) -> Evaluate:
    """Check a query 2 minutes in: `evaluate(series, query, {labels: value})`; an empty mapping is no result.

    Series are in promtool's notation (`0+15x8`), a sample every 15 s.
    """

    def check(series: Mapping[str, str], query: str, expected: Mapping[str, float]) -> None:
        # promtool compares every bit. Both sides are rounded to a power of two, which is exact.
        samples = [
            {"labels": labels, "value": round(value / RESOLUTION) * RESOLUTION}
            for labels, value in expected.items()
        ]
        rounded = f"round({query}, {RESOLUTION!r})"
        document = {
            "evaluation_interval": f"{SCRAPE_SECONDS}s",
            "tests": [
                {
                    "interval": f"{SCRAPE_SECONDS}s",
                    "input_series": [{"series": name, "values": text} for name, text in series.items()],
                    "promql_expr_test": [{"expr": rounded, "eval_time": "2m", "exp_samples": samples}],
                }
            ],
        }
        path = tmp_path / "case.test.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        done = command.run([promtool, "test", "rules", str(path)], check=False, show=False)
        assert done.status == 0, done.stdout + done.stderr

    return check
