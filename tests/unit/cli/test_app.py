"""The command line: order, exit codes, errors for people and for machines."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ekiben.cli import app, session

ROAD = ["train", "bento", "image", "release", "traffic", "scale", "observe"]


def test_help_shows_the_stations_in_road_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The seven words stand in the help as numbered groups, in the order of the road."""
    assert app.main(["--help"]) == 0
    found = re.findall(r"^.*?([1-7]) (\w+):", capsys.readouterr().out, re.MULTILINE)
    assert found == [(str(number), station) for number, station in enumerate(ROAD, 1)]


def commands() -> list[list[str]]:
    """Every command of the program, by walking the parser's own tree."""
    import typer.main

    found: list[list[str]] = []
    top = typer.main.get_command(app.app)
    for name, command in top.commands.items():  # type: ignore[attr-defined]  # a group, typed as a command
        below = getattr(command, "commands", None)
        found += [[name, sub] for sub in below] if below else [[name]]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_speaks_json_and_explains_its_options(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` is everywhere (but where the pod itself takes over), and no option is without help."""
    import typer.main

    assert app.main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "--json" in text or command == ["serve"]
    place = typer.main.get_command(app.app)
    for name in command:
        place = place.commands[name]  # type: ignore[attr-defined]  # same
    bare = [p.name for p in place.params if not getattr(p, "help", None)]
    assert bare == []


def test_an_unknown_model_ends_with_2_and_says_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage errors go to stderr with what to do next; with --json also to stdout."""
    assert app.main(["--project", str(tmp_path), "train", "nothing", "--json"]) == 2
    printed = capsys.readouterr()
    assert "unknown model 'nothing'" in printed.err
    assert "next: " in printed.err
    assert json.loads(printed.out)["exit_code"] == 2


@pytest.mark.parametrize("argv", [["no-such-verb"], ["train"], ["train", "iris", "--no-such-option"]])
def test_wrong_usage_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the parser refuses is usage."""
    assert app.main(argv) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["plan", "iris", "--json"], "--peak-rps"),
        (["plan", "iris", "--peak-rps", "many", "--json"], "--peak-rps"),
        (["simulate", "--json"], "--trace"),
        (["train", "--no-such-option", "--json"], "--no-such-option"),
    ],
)
def test_wrong_usage_speaks_json_too(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but an object is on stdout, for what the parser refuses as for any other error."""
    assert app.main(argv) == 2
    found = json.loads(capsys.readouterr().out)
    assert said in found["message"]
    assert (found["error"], found["exit_code"]) == ("UsageError", 2)


def test_the_command_line_loads_nothing_heavy() -> None:
    """`--help` answers without scikit-learn, BentoML, the Kubernetes client or pydantic."""
    program = (
        "import sys; from ekiben.cli import app; app.main(['--help']); "
        "print([m for m in ('sklearn', 'bentoml', 'kubernetes', 'numpy', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_kill_unwinds_like_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM raises what Ctrl-C raises, so that locks and half-written files are put right."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert app.main(["--help"]) == 0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().out


def test_an_interrupted_command_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As shells report it; and it says that the next run carries on."""

    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(session, "traveller", interrupted)
    assert app.main(["predict", "iris"]) == 130
    assert "the next run carries on from here" in capsys.readouterr().err


def test_completion_is_offered_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser writes a completion script for bash."""
    assert shutil.which("bash")
    done = subprocess.run(
        [sys.executable, "-m", "ekiben", "--show-completion", "bash"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "_EKIBEN_COMPLETE": "source_bash",
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
    )
    assert "complete" in done.stdout
    assert not capsys.readouterr().out
