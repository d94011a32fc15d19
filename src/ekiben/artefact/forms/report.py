"""What a comparison of forms found, for people: lines of text and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ekiben.page import html
from ekiben.page.parts import Heading, Paragraph, Part, table

if TYPE_CHECKING:
    from ekiben.artefact.forms.proof import Proven

_MOST = 1e300  # in place of infinity, which JSON has not
_SHOWN = 5  # worst rows on the page


def summary(proven: Proven) -> dict[str, Any]:
    """Give the outcome with exact figures and times, which the artefact does not hold.

    Returns:
        `rows` by origin, `seconds` by name, `thresholds`, and `forms`: for each its outcome as in
        `parity.json`, with `absolute`, `relative` and `ulp` to the last digit, and the worst rows.
    """
    document = proven.document
    outcomes = {**document["forms"]}
    if document["reloaded"] is not None:
        outcomes["scikit-learn"] = document["reloaded"]
    forms = {}
    for form, outcome in outcomes.items():
        tally = proven.tallies.get(form)
        forms[form] = {**outcome}
        if tally is not None:
            exact = {"absolute": tally.absolute, "relative": tally.relative, "ulp": tally.ulp}
            forms[form]["largest_difference"] = {name: min(each, _MOST) for name, each in exact.items()}
            forms[form]["worst"] = [
                {
                    "row": list(each.row),
                    "origin": each.origin,
                    "expected": each.expected,
                    "found": each.found,
                    "flipped": each.flipped,
                }
                for each in tally.worst
            ]
    return {
        "rows": dict(document["rows"]),
        "thresholds": dict(document["thresholds"]),
        "seconds": dict(proven.seconds),
        "predictor": proven.predictor,
        "forms": forms,
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """Say a summary in a few lines of text."""
    rows, seconds = found["rows"], found["seconds"]
    told = ", ".join(f"{count} {origin}" for origin, count in rows.items() if count)
    text = [f"parity   {sum(rows.values())} rows in {seconds['total']:.1f} s ({told})"]
    every, compared = found["thresholds"]["all"], found["thresholds"]["compared"]
    if every:
        text.append(f"         rows on both sides of {compared} of {every} splits")
    text.extend(f"         {form}: {_verdict(outcome)}" for form, outcome in found["forms"].items())
    return text


def cost(found: Mapping[str, Any]) -> list[str]:
    """Say in a few lines of text what making an estimator smaller cost.

    Args:
        found: As `parity.json` holds it; with `row_seconds`, the times are said as well.
    """
    score, sizes, seconds = found["score"], found["bytes"], found.get("row_seconds")
    asked = ", ".join(f"{name} {value}" for name, value in found["asked"].items())
    flips = (
        ""
        if found["flips"] is None
        else f"; {found['flips']} of {found['rows']} held-out rows got another label"
    )
    told = [
        f"{form} {sizes['before'][form]:,} to {sizes['after'][form]:,} bytes"
        for form in sizes["before"]
        if form in sizes["after"]
    ]
    if seconds is not None:
        first, second = (f"{seconds[name] * 1e6:.0f}" for name in ("before", "after"))
        told.append(f"one row from {first} to {second} us")
    lost = f"(lost, 95 %: {score['low']:.4f} to {score['high']:.4f})"
    return [
        f"smaller  {asked}: score from {score['before']:.4f} to {score['after']:.4f} {lost}{flips}",
        f"         {'; '.join(told)}",
    ]


def _verdict(outcome: Mapping[str, Any]) -> str:
    if not outcome["kept"]:
        return f"dropped: {outcome['reason']}{_because(outcome)}"
    most = outcome["largest_difference"]
    off = f"at most {most['absolute']:.3g} ({most['ulp']:.3g} ulp) off"
    return f"{outcome['flips']} flips, {outcome['ties']} ties, {off}"


def _because(outcome: Mapping[str, Any]) -> str:
    cause = outcome.get("cause")
    if not cause:
        return ""
    step = f"step {cause['step']}, " if cause["step"] else ""
    return f"; {step}{cause['operator']} of {cause['dtype']}: {cause['detail']}"


def page(name: str, found: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """Write a summary as one HTML file that needs nothing else.

    Args:
        name: The model's.
        found: As `summary` gives it.
        inputs: Names of the columns.
    """
    return html.page(f"Parity of {name}", _parts(found, inputs))


def _parts(found: Mapping[str, Any], inputs: Sequence[str]) -> Iterator[Part]:
    total = f"{sum(found['rows'].values()):,} rows in {found['seconds']['total']:.1f} s"
    yield Paragraph(f"{total}; {found['predictor']} serves.", "sub")
    yield from outcomes(found)
    head = ("form", "seconds")
    yield table(
        head, ([form, f"{found['seconds'][form]:.1f}"] for form in found["forms"] if form in found["seconds"])
    )
    for form, outcome in found["forms"].items():
        if outcome.get("worst"):
            yield Heading(f"Rows on which {form} differs most")
            yield table(
                ("origin", "estimator", "form", *inputs),
                (
                    [each["origin"], _answer(each["expected"]), _answer(each["found"]), *each["row"]]
                    for each in outcome["worst"][:_SHOWN]
                ),
            )


def outcomes(found: Mapping[str, Any]) -> Iterator[Part]:
    """Say how each form compared, and on which rows.

    Args:
        found: With `rows`, `thresholds` and `forms`: as `summary` gives it, or as `parity.json` holds it.
    """
    yield table(("rows", "count"), ((origin, f"{count:,}") for origin, count in found["rows"].items()))
    every, compared = found["thresholds"]["all"], found["thresholds"]["compared"]
    if every:
        yield Paragraph(f"Rows on both sides of {compared:,} of {every:,} splits.")
    head = ("form", "kept", "flips", "ties", "absolute", "relative", "ulp")
    yield table(head, (_line(form, each) for form, each in found["forms"].items()))
    for form, outcome in found["forms"].items():
        if outcome["reason"]:
            yield Paragraph(f"{form}: {outcome['reason']}{_because(outcome)}", "note")


def _line(form: str, outcome: Mapping[str, Any]) -> list[str]:
    kept = "yes" if outcome["kept"] else "no"
    if "rows" not in outcome:
        return [form, kept, "", "", "", "", ""]
    most = outcome["largest_difference"]
    figures = [f"{most[each]:.3g}" for each in ("absolute", "relative", "ulp")]
    return [form, kept, str(outcome["flips"]), str(outcome["ties"]), *figures]


def _answer(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return repr(answer)
    return f"{answer['label']} ({', '.join(f'{each:.17g}' for each in answer['probabilities'])})"
