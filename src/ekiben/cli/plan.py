"""`ekiben plan MODEL`: an objective and a peak -> every autoscaling number; `plan show` says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekiben.cli import options, output, session
from ekiben.cli.verb import Verb
from ekiben.errors import ConfigError

if TYPE_CHECKING:
    from ekiben.scale.plan.derive import Wishes

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(us|ms|s|m)$")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SURGE = re.compile(r"^(\d+(?:\.\d+)?)x/(\d+(?:\.\d+)?(?:ms|s|m))$")
_HEADROOMS = ("budget", "saturation", "objective")
_SIGNALS = ("cpu", "demand")
_MOST_CORES = 64  # the pod takes no more workers


def register(app: typer.Typer, panel: str) -> None:
    """Add `plan` and `plan show`."""
    group = typer.Typer(cls=Verb, no_args_is_help=True, help="From an objective to every autoscaling number.")
    for verb in (make, show, rules):
        group.command()(verb)
    app.add_typer(group, name="plan", rich_help_panel=panel)


def make(
    model: options.Model,
    peak: Annotated[
        float, typer.Option("--peak-rps", metavar="RATE", help="Highest expected rate, requests/s.")
    ],
    p99: Annotated[
        str,
        typer.Option(
            "--p99",
            metavar="TIME",
            help="99 % of requests are quicker, e.g. 50ms; default: observe.latency_seconds.",
        ),
    ] = "",
    trough: Annotated[
        float | None,
        typer.Option("--trough", metavar="RATE", help="Lowest expected rate; default: a fifth of the peak."),
    ] = None,
    surge: Annotated[
        str,
        typer.Option(
            "--surge", metavar="xN/TIME", help="How fast load may grow; default: 2x/60s. None: 1x/60s."
        ),
    ] = "",
    surges: Annotated[
        float | None, typer.Option("--surges-per-day", metavar="N", help="How often; default: 10.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="SHARE",
            help="Part of the bad requests allowed that surges may use, 0-1; default: 0.5.",
        ),
    ] = None,
    headroom: Annotated[
        str,
        typer.Option(
            "--headroom", metavar="WHAT", help="What surges may not break: budget, saturation or objective."
        ),
    ] = "budget",
    signal: Annotated[
        str, typer.Option("--signal", metavar="WHAT", help="What the autoscaler reads: cpu or demand.")
    ] = "cpu",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="The HPA's tolerance, written from Kubernetes 1.35 on; default: its own, 0.1.",
        ),
    ] = None,
    quota: Annotated[
        float | None,
        typer.Option("--quota-cores", metavar="CORES", help="CPU requests that the namespace allows."),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            "--start-seconds",
            metavar="SECONDS",
            help="From a pod's start to ready; default: as measured here.",
        ),
    ] = None,
    pull: Annotated[
        float | None, typer.Option("--pull-seconds", metavar="SECONDS", help="Pulling the image; default: 0.")
    ] = None,
    cores: Annotated[
        str,
        typer.Option(
            "--cores",
            metavar="N[,N...]",
            help="Cores of a replica, each with a thread that predicts; of several the cheapest is planned.",
        ),
    ] = "1",
    seconds: Annotated[
        float, typer.Option("--seconds", min=20, max=3600, help="Time to measure each number of cores.")
    ] = 330,
    alpha: Annotated[
        float, typer.Option("--alpha", min=1e-6, max=0.5, help="Probability that a rate is judged wrongly.")
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same send times.")] = 0,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help="Where the page is written; default: beside the plan."),
    ] = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Measure the pod's process on its cores here and derive the plan that `ekiben release` takes."""
    traveller = session.traveller(model)
    objective = duration(p99, "--p99") if p99 else traveller.config.observe.latency_seconds
    wishes = _wishes(
        objective_seconds=objective, peak_rate=peak, trough_rate=trough, surge_per_second=growth(surge),
        surges_per_day=surges, surge_budget_ratio=budget, tolerance_ratio=tolerance, quota_cores=quota,
        start_seconds=start, pull_seconds=pull, timeout_seconds=traveller.config.traffic.timeout_seconds,
    )  # fmt: skip
    for value, name, known in ((headroom, "--headroom", _HEADROOMS), (signal, "--signal", _SIGNALS)):
        if value not in known:
            raise ConfigError(f"expected {name} as one of {', '.join(known)}, found {value!r}")
    counts = counted(cores)
    if dry_run:
        line = (
            f"would measure {model} for up to {seconds * len(counts):g} s on {cores} cores and plan for "
            f"p99 <= {objective * 1e3:g} ms"
        )
        output.emit(wishes, [line], as_json=as_json)
        return
    from ekiben.diagnosis import plan as pages
    from ekiben.page import html
    from ekiben.road import planning, plans
    from ekiben.scale.load import display
    from ekiben.scale.plan import document, sentence

    how = planning.Measuring(
        headroom, signal,  # type: ignore[arg-type]  # one of the known ones, as seen above
        seconds, alpha, seed, counts,
    )  # fmt: skip
    with display.live() as on_progress:
        found = planning.plan(traveller, wishes, on_progress, how)
    path = plans.path_of(traveller)
    written = html.write(pages.page(found), page or path.with_name("plan.html"))
    lines = [*sentence.lines(found), f"plan       {path}", f"page       {written}"]
    left = {"path": str(path), "page": str(written)}
    output.emit(document.document_of(found) | left, lines, as_json=as_json)


def show(
    model: options.Model,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="One number, e.g. min_replicas; default: all.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Say a number of the plan in a sentence: what it is, its formula, its inputs, its source."""
    from ekiben.road import plans
    from ekiben.scale.plan import document, sentence

    found = plans.required(session.traveller(model))
    if name:
        output.emit(
            found.number(name).model_dump(mode="json"), [sentence.sentence(found, name)], as_json=as_json
        )
        return
    every = [f"{key:<28} {sentence.amount(each)}" for key, each in found.numbers.items()]
    output.emit(document.document_of(found), [*sentence.lines(found), "", *every], as_json=as_json)


def rules(
    model: options.Model,
    namespace: options.Namespace = None,
    as_json: options.Json = False,
) -> None:
    """Print the recording rules of the release's demand, in replicas, with the plan's target and lag."""
    import yaml

    from ekiben.observe import demand
    from ekiben.observe.queries import Scope
    from ekiben.road import plans

    traveller = session.traveller(model, namespace=namespace)
    plan = plans.required(traveller)
    scope = Scope(traveller.namespace, traveller.config.release_name)
    aim = demand.Aim(plan["target_rate"], plan["mean_lag_seconds"])
    found = {"groups": [demand.group(scope, aim)]}
    output.emit(found, [yaml.safe_dump(found, sort_keys=False, width=10_000).rstrip()], as_json=as_json)


def duration(text: str, flag: str) -> float:
    """Read a duration such as `50ms`, seconds.

    Raises:
        ConfigError: It is none.
    """
    found = _DURATION.match(text)
    if found is None:
        raise ConfigError(f"expected {flag} as a time such as 50ms or 1.5s, found {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def counted(text: str) -> tuple[int, ...]:
    """Read numbers of cores such as `1,2`: ascending, each once.

    Raises:
        ConfigError: They are none, or one is not between 1 and 64.
    """
    found = sorted({int(each) if each.isdecimal() else 0 for each in text.split(",")})
    if found[0] < 1 or found[-1] > _MOST_CORES:
        raise ConfigError(
            f"expected --cores as whole numbers from 1 to {_MOST_CORES}, such as 1,2, found {text!r}"
        )
    return tuple(found)


def growth(text: str) -> float | None:
    """Read a surge such as `2x/60s` as growth per second; None of an empty text.

    Raises:
        ConfigError: It is none.
    """
    if not text:
        return None
    found = _SURGE.match(text)
    if found is None or float(found[1]) < 1 or duration(found[2], "--surge") == 0:
        raise ConfigError(f"expected --surge as a growth such as 2x/60s, found {text!r}")
    return (float(found[1]) - 1) / duration(found[2], "--surge")


def _wishes(**fields: float | None) -> Wishes:
    from ekiben.scale.plan.derive import wishes_of

    return wishes_of(fields)
