"""`ekiben plan`: what it takes, what it refuses, what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.unit.scale.plan import plans as made

from ekiben.cli import app, session
from ekiben.cli.plan import counted, duration, growth
from ekiben.config import RESERVED_NAMES
from ekiben.errors import ConfigError
from ekiben.road import plans

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path))
    monkeypatch.setenv("EKIBEN_PROJECT", str(ROOT))  # whatever project a command was given before


def _run(*argv: str) -> int:
    return app.main(["--project", str(ROOT), *argv])


@pytest.mark.parametrize(
    ("text", "seconds"), [("50ms", 0.05), ("1.5s", 1.5), ("250us", 0.00025), ("2m", 120)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    """Microseconds to minutes."""
    assert duration(text, "--p99") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["50", "ms", "-5ms", "1h", "", "5 ms"])
def test_a_time_without_a_unit_is_refused(text: str) -> None:
    """Nobody knows whether 50 is milliseconds."""
    with pytest.raises(ConfigError, match="expected --p99 as a time"):
        duration(text, "--p99")


@pytest.mark.parametrize(("text", "ratio"), [("2x/60s", 1 / 60), ("3x/1m", 2 / 60), ("1x/60s", 0)])
def test_a_surge_is_a_growth_within_a_time(text: str, ratio: float) -> None:
    """Doubling within a minute is a sixtieth per second; no growth is none."""
    assert growth(text) == pytest.approx(ratio)


@pytest.mark.parametrize("text", ["2x", "0.5x/60s", "2x/0s", "x/60s", "2x/60"])
def test_no_surge_is_refused(text: str) -> None:
    """Shrinking, a time of nothing, a missing part."""
    with pytest.raises(ConfigError, match="expected --surge"):
        growth(text)


@pytest.mark.parametrize(("text", "cores"), [("1", (1,)), ("2,1,2", (1, 2)), ("64", (64,))])
def test_cores_are_whole_numbers(text: str, cores: tuple[int, ...]) -> None:
    """Each is measured once, the fewest first."""
    assert counted(text) == cores


@pytest.mark.parametrize("text", ["0", "", "1,", "1.5", "-1", "65", "two"])
def test_no_cores_are_refused(text: str) -> None:
    """A replica has one at least, and no more than a pod takes workers."""
    with pytest.raises(ConfigError, match="expected --cores as whole numbers from 1 to 64"):
        counted(text)


def test_a_plan_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run starts nothing; the model may follow the verb itself."""
    assert _run("plan", "iris", "--p99", "50ms", "--peak-rps", "300", "--dry-run") == 0
    assert "would measure iris for up to 330 s on 1 cores" in capsys.readouterr().out
    assert _run("plan", "iris", "--peak-rps", "300", "--cores", "1,2", "--seconds", "60", "--dry-run") == 0
    assert "for up to 120 s on 1,2 cores" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("iris", "--p99", "50", "--peak-rps", "300"), "--p99"),
        (("iris", "--p99", "50ms", "--peak-rps", "-1"), "peak_rate"),
        (("iris", "--peak-rps", "300", "--trough", "400"), "trough"),
        (("iris", "--peak-rps", "300", "--headroom", "much"), "--headroom"),
        (("iris", "--peak-rps", "300", "--signal", "latency"), "--signal"),
        (("iris", "--peak-rps", "300", "--cores", "0"), "--cores"),
        (("nobody", "--peak-rps", "300"), "nobody"),
        (("iris", "--p99", "50ms", "--peak-rps", "300"), "has not passed the station 'train'"),
        (("show", "iris"), "expected a capacity plan of iris, found none"),
    ],
)
def test_bad_input_is_a_usage_error(
    argv: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before anything is started, with the name of what is wrong."""
    assert _run("plan", *argv) == 2
    assert said in capsys.readouterr().err


def test_a_number_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the plan that is kept: one number, or all; for machines as JSON."""
    traveller = session.traveller("iris")
    path = plans.path_of(traveller)
    path.parent.mkdir(parents=True)
    path.write_text(made.plan().text(), encoding="utf-8")
    assert _run("plan", "show", "iris", "max_replicas") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith("max_replicas is 21 replicas: most replicas")
    assert _run("plan", "show", "iris", "max_replicas", "--json") == 0
    assert json.loads(capsys.readouterr().out)["value"] == 21
    assert _run("plan", "show", "iris") == 0
    assert "scale_down_percent" in capsys.readouterr().out
    assert _run("plan", "show", "iris", "replicas") == 2
    assert "one of min_replicas, max_replicas, " in capsys.readouterr().err


def test_a_plan_that_was_edited_is_refused_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Which number, in which file, and what to do."""
    path = plans.path_of(session.traveller("iris"))
    path.parent.mkdir(parents=True)
    path.write_text(made.plan().text().replace('"value": 21.0', '"value": 50.0'), encoding="utf-8")
    assert _run("plan", "show", "iris") == 2
    said = capsys.readouterr().err
    assert "max_replicas: " in said
    assert f"in {path}" in said
    assert "plan again" in said


def test_the_rules_of_the_demand_have_the_numbers_of_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """YAML that Prometheus reads: the target per replica and the mean lag of the plan that is kept."""
    found = made.plan()
    path = plans.path_of(session.traveller("iris"))
    path.parent.mkdir(parents=True)
    path.write_text(found.text(), encoding="utf-8")
    assert _run("plan", "rules", "iris") == 0
    [group] = yaml.safe_load(capsys.readouterr().out)["groups"]
    numbers, rules = group["rules"][:2], group["rules"][2:]
    assert [rule["labels"] for rule in numbers] == 2 * [{"namespace": "models", "release": "iris"}]
    assert [rule["expr"] for rule in numbers] == [
        f"vector({found[name]!r})" for name in ("target_rate", "mean_lag_seconds")
    ]
    assert len(rules) == 3
    assert all('namespace="models",release="iris"' in rule["expr"] for rule in rules)


def test_its_words_are_no_models() -> None:
    """A model `show`, `rules` or `make` could not be told from the subcommand."""
    assert {"make", "show", "rules"} <= RESERVED_NAMES
