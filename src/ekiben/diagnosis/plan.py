"""A capacity plan as a page: what was measured, as curves, and every number with its derivation."""

from __future__ import annotations

from collections.abc import Iterator

from ekiben.diagnosis import plot
from ekiben.page import html
from ekiben.page.parts import Figure, Figures, Heading, Paragraph, Part, table
from ekiben.scale.capacity.bounds import Bound, bounds
from ekiben.scale.capacity.step import Step
from ekiben.scale.plan import sentence
from ekiben.scale.plan.document import CapacityPlan


def page(plan: CapacityPlan) -> str:
    """Give the page."""
    return html.page(f"Capacity of {plan.subject.model}", parts(plan))


def parts(plan: CapacityPlan) -> Iterator[Part]:
    """Give the parts of the page."""
    subject, valid = plan.subject, [step for step in plan.steps if not step.reasons(plan.objective)]
    yield Paragraph(
        f"{subject.model}:{subject.version}, form {subject.form or 'unknown'}, measured {subject.made_at} on "
        f"{sentence.cores(plan)} of {subject.machine}; artefact {subject.artefact_sha256}",
        "sub",
    )
    for line in sentence.lines(plan)[1:]:
        yield Paragraph(line)
    yield Heading("What one replica carries")
    yield Figures(_figures(plan, bounds(valid, plan.objective, plan.alpha), valid))
    yield table(
        ("requests/s", "judged", "bad", "design effect", "p99, ms", "lag p99, ms", "cores", "verdict"),
        (_row(plan, step) for step in plan.steps),
    )
    if plan.shapes:
        yield Heading("What replicas of other cores need")
        yield table(
            ("cores", "C*, requests/s", "saturated, requests/s", "target, requests/s", "cores at the peak"),
            (
                tuple(sentence.number(getattr(each, name)) for name in type(each).model_fields)
                for each in plan.shapes
            ),
        )
    yield Heading("Every number")
    yield table(
        ("name", "value", "kind", "formula", "what it is", "source"),
        (
            (name, sentence.amount(each), each.kind, each.formula, each.meaning, each.source)
            for name, each in plan.numbers.items()
        ),
    )


def _row(plan: CapacityPlan, step: Step) -> tuple[object, ...]:
    reasons = step.reasons(plan.objective)
    return (
        f"{step.rate:.1f}", step.requests, step.bad, f"{step.effect:.1f}", f"{step.p99_seconds * 1e3:.2f}",
        f"{step.lag_p99_seconds * 1e3:.2f}", "-" if step.cpu_cores is None else f"{step.cpu_cores:.3f}",
        f"invalid: {'; '.join(reasons)}" if reasons else step.verdict(plan.objective, plan.alpha),
    )  # fmt: skip


def _figures(plan: CapacityPlan, found: tuple[Bound, ...], valid: list[Step]) -> tuple[Figure, ...]:
    end = max(step.rate for step in valid)
    ascending = sorted(valid, key=lambda step: step.rate)
    limit = plan.objective
    wanted = limit.latency_seconds * 1e3
    shares = plot.svg(
        "Share of bad requests",
        (
            plot.Line("fit", tuple((each.rate, each.fit) for each in found), "a"),
            plot.Line("upper bound", tuple((each.rate, each.upper) for each in found), "b"),
            plot.Line("allowed", ((0.0, limit.bad_ratio), (end, limit.bad_ratio)), "c"),
        ),
        x_label="requests per second and replica", y_label="share", x_end=end, logarithmic=True,
    )  # fmt: skip
    latency = plot.svg(
        "Latency, p99",
        (
            plot.Line("p99", tuple((step.rate, step.p99_seconds * 1e3) for step in ascending), "a"),
            plot.Line("objective", ((0.0, wanted), (end, wanted)), "c"),
        ),
        x_label="requests per second and replica", y_label="ms", x_end=end, logarithmic=True,
    )  # fmt: skip
    cores = plot.svg(
        "CPU use",
        (plot.Line("cores", tuple((step.rate, step.cpu_cores) for step in ascending), "a"),),
        x_label="requests per second and replica", y_label="cores", x_end=end,
    )  # fmt: skip
    return (
        Figure(
            "share-of-bad-requests", shares,
            f"C* = {plan['capacity_rate']:.1f} requests/s is the largest rate whose upper bound is allowed.",
        ),
        Figure("latency", latency, "From intended send times; above saturation it grows while a step runs."),
        Figure("cpu", cores, f"Slope: {plan['cpu_seconds_per_request'] * 1e3:.3f} ms of CPU per request."),
    )  # fmt: skip
