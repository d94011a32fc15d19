"""What a caller of one version meets at another: each change of the schema, breaking or compatible. Pure.

A change is breaking if a request that the older version answers may be refused
by the newer one, or if an answer's form changes. Requests name every input or
give them in order, and nothing else: so each new input is required, and the
order counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.serving.schema import Input, Output, Schema

_FLOAT32_MAX = "3.4e38"  # the largest float32: np.finfo(np.float32).max


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two schemas.

    Attributes:
        kind: E.g. `input removed`, `range narrowed`.
        place: Name of the input, `inputs` or `output`.
        before: In words.
        after: In words.
        breaking: Whether callers must change.
    """

    kind: str
    place: str
    before: str
    after: str
    breaking: bool


def changes(before: Schema, after: Schema) -> tuple[Change, ...]:
    """Compare two schemas as a caller sees them.

    Args:
        before: What callers are written for.
        after: What would answer them.

    Returns:
        Breaking changes first; else in the order of the inputs, the output last.
    """
    found = [*_inputs(before, after), *_precision(before, after), *_output(before.output, after.output)]
    return tuple(sorted(found, key=lambda each: not each.breaking))


def _inputs(before: Schema, after: Schema) -> Iterator[Change]:
    old = {each.name: each for each in before.inputs}
    new = {each.name: each for each in after.inputs}
    for name, declared in old.items():
        if name not in new:
            yield Change("input removed", name, declared.type, "", breaking=True)
        else:
            yield from _input(declared, new[name])
    for name, declared in new.items():
        if name not in old:
            yield Change("new required input", name, "", declared.type, breaking=True)
    kept_old, kept_new = [name for name in old if name in new], [name for name in new if name in old]
    if kept_old != kept_new:
        yield Change("order changed", "inputs", ", ".join(kept_old), ", ".join(kept_new), breaking=True)


def _input(old: Input, new: Input) -> Iterator[Change]:
    if old.type != new.type:
        yield Change("type changed", old.name, old.type, new.type, breaking=True)
        return
    yield from _range(old, new)
    yield from _categories(old, new)
    yield from _missing(old, new)


def _range(old: Input, new: Input) -> Iterator[Change]:
    """A range refuses only where its policy says so; where it counts, every number is accepted."""
    before, after = _span(old), _span(new)
    if (before, old.on_out_of_range) == (after, new.on_out_of_range):
        return
    words = (_range_words(old), _range_words(new))
    lowest, highest = _accepted(new)
    was_lowest, was_highest = _accepted(old)
    if lowest > was_lowest or highest < was_highest:
        stricter = before == after
        kind = "range policy stricter" if stricter else "range narrowed"
        yield Change(kind, old.name, *words, breaking=True)
    elif (lowest, highest) != (was_lowest, was_highest):
        yield Change("range widened", old.name, *words, breaking=False)
    else:
        yield Change("counted range changed", old.name, *words, breaking=False)


def _span(declared: Input) -> tuple[float, float]:
    lowest, highest = declared.minimum, declared.maximum
    return (
        float("-inf") if lowest is None else lowest,
        float("inf") if highest is None else highest,
    )


def _accepted(declared: Input) -> tuple[float, float]:
    counts = declared.on_out_of_range == "count"
    return (float("-inf"), float("inf")) if counts else _span(declared)


def _range_words(declared: Input) -> str:
    lowest, highest = _span(declared)
    return f"{lowest:g} to {highest:g}, {declared.on_out_of_range}"


def _categories(old: Input, new: Input) -> Iterator[Change]:
    if old.categories == new.categories:
        return
    if new.categories is None:
        yield Change("categories opened", old.name, _listed(old.categories), "any string", breaking=False)
        return
    if old.categories is None:
        yield Change("categories closed", old.name, "any string", _listed(new.categories), breaking=True)
        return
    removed = [each for each in old.categories if each not in new.categories]
    added = [each for each in new.categories if each not in old.categories]
    if removed:
        yield Change("category removed", old.name, _listed(removed), "", breaking=True)
    if added:
        yield Change("category added", old.name, "", _listed(added), breaking=False)


def _missing(old: Input, new: Input) -> Iterator[Change]:
    before, after = _missing_words(old), _missing_words(new)
    if before == after:
        return
    if old.missing == "refuse":
        yield Change("missing policy looser", old.name, before, after, breaking=False)
    elif new.missing == "refuse":
        yield Change("missing policy stricter", old.name, before, after, breaking=True)
    else:
        yield Change("missing value means another", old.name, before, after, breaking=False)


def _missing_words(declared: Input) -> str:
    return f"value {declared.default!r}" if declared.missing == "value" else declared.missing


def _precision(before: Schema, after: Schema) -> Iterator[Change]:
    if before.precision == after.precision:
        return
    reals = [each.name for each in after.inputs if each.type == "float64"]
    if reals:
        narrower = after.precision == "float32"
        kind = "range narrowed" if narrower else "range widened"
        bounded, any_number = f"numbers up to {_FLOAT32_MAX}", "any finite number"
        before_after = (any_number, bounded) if narrower else (bounded, any_number)
        yield Change(kind, ", ".join(reals), *before_after, narrower)


def _output(old: Output, new: Output) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("kind of output changed", "output", old.kind, new.kind, breaking=True)
        return
    if _typed(old) != _typed(new):
        yield Change("classes changed", "output", _listed(old.classes), _listed(new.classes), breaking=True)
    if old.probabilities and not new.probabilities:
        yield Change("probabilities removed", "output", "given", "none", breaking=True)
    elif new.probabilities and not old.probabilities:
        yield Change("probabilities added", "output", "none", "given", breaking=False)


def _typed(output: Output) -> list[tuple[str, object]]:
    """Classes with their types: 1, 1.0 and true are equal to Python and not to a caller."""
    return [(type(each).__name__, each) for each in output.classes or ()]


def _listed(values: object) -> str:
    return ", ".join(map(repr, values)) if isinstance(values, list | tuple) else ""
