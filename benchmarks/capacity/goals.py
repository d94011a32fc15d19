"""What is there of each model, and the goals that it is judged by: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.capacity.models import SPECS, Spec
from benchmarks.capacity.truth import Truth, blocks_of, estimate
from benchmarks.results import Record

Verdict = Literal["met", "missed", "not run"]
NOT_RUN: Final = "not run"
_MOST_SECONDS = 360.0
WITHIN_RATIO, _LEAST_WITHIN, _MODELS = 0.05, 9, 10
_REPEATS, _MOST_ABOVE_RATIO = 100, 0.05


@dataclass(frozen=True, slots=True)
class Model:
    """What is there of one model.

    Attributes:
        spec: It.
        search: The last one that found something; None if none did.
        failure: Why the last search found nothing.
        truth: Of the valid rounds.
        rounds: How many there are.
        invalid: How many others were tried.
        repeats: Virtual searches.
        live: Live ones.
    """

    spec: Spec
    search: Record | None
    failure: str
    truth: Truth | None
    rounds: int
    invalid: int
    repeats: Sequence[Record]
    live: Sequence[Record]

    @property
    def off_ratio(self) -> float | None:
        """Found over truth, less 1; None unless both are known."""
        if self.search is None or self.truth is None or not self.truth.known:
            return None
        return float(self.search["rate"] / self.truth.rate - 1)

    @property
    def above(self) -> int:
        """Repeats of which more requests are bad at C* than allowed."""
        return sum(_is_above(each, self.spec) for each in self.repeats)


def _is_above(repeat: Record, spec: Spec) -> bool:
    return repeat["rate"] is not None and repeat["bad_ratio"] > spec.objective.bad_ratio


def gathered(records: Sequence[Record], rounds: int = 6) -> list[Model]:
    """Sort the records of one series by model.

    Args:
        records: As in the journal.
        rounds: Of which a truth consists; with fewer there is none.
    """
    return [
        _gathered(spec, [each for each in records if each["model"] == spec.name], rounds) for spec in SPECS
    ]


def _gathered(spec: Spec, own: Sequence[Record], rounds: int) -> Model:
    def of(part: str) -> list[Record]:
        newest = {each["number"]: each for each in own if each["part"] == part and not _wrong(each)}
        return list(newest.values())

    searches = [each for each in own if each["part"] == "search"]
    held = of("truth")
    blocks = [block for each in held for block in blocks_of(each)]
    return Model(
        spec=spec,
        search=next(iter(of("search")), None),
        failure=str(searches[-1].get("failure", "")) if searches else "",
        truth=estimate(blocks, spec.objective) if len(held) >= rounds else None,
        rounds=len(held),
        invalid=sum(each["part"] == "truth" and _wrong(each) for each in own),
        repeats=of("repeats"),
        live=of("live"),
    )


def _wrong(record: Record) -> bool:
    return bool(record.get("failure") or record.get("faults"))


def goals(models: Sequence[Model]) -> list[tuple[str, str, Verdict]]:
    """Judge each goal: what was to be reached, what was found, whether it suffices."""
    return [_quick(models), _near(models), _safe(models)]


def _quick(models: Sequence[Model]) -> tuple[str, str, Verdict]:
    goal = "capacity found in at most 6 minutes, every model"
    seconds = [each.search["seconds"] for each in models if each.search is not None]
    if not seconds:
        return goal, "", NOT_RUN
    found = f"{max(seconds) / 60:.1f} min at most, {len(seconds)} of {_MODELS} models"
    if max(seconds) > _MOST_SECONDS or any(each.failure for each in models):
        return goal, found, "missed"
    return goal, found, "met" if len(seconds) >= _MODELS else NOT_RUN


def _near(models: Sequence[Model]) -> tuple[str, str, Verdict]:
    goal = f"C* within 5 % of the truth on at least {_LEAST_WITHIN} of {_MODELS} models"
    judged = [each for each in models if each.truth is not None and (each.search is not None or each.failure)]
    if not judged:
        return goal, "", NOT_RUN
    known = [each.off_ratio for each in judged if each.off_ratio is not None]
    within = sum(abs(off) <= WITHIN_RATIO for off in known)
    found = f"{within} of {len(judged)} models; truth unknown or nothing found: {len(judged) - len(known)}"
    if within >= _LEAST_WITHIN:
        return goal, found, "met"
    # What is left could still reach it, or not.
    possible = within + _MODELS - len(judged)
    return goal, found, NOT_RUN if possible >= _LEAST_WITHIN else "missed"


def _safe(models: Sequence[Model]) -> tuple[str, str, Verdict]:
    goal = f"bad share at C* above what is allowed in at most 5 % of {_REPEATS} repeats, every model"
    known = [each for each in models if each.repeats]
    if not known:
        return goal, "", NOT_RUN
    worst = max(known, key=lambda each: each.above / len(each.repeats))
    every, above = sum(len(each.repeats) for each in known), sum(each.above for each in known)
    found = (
        f"{above} of {every} in all; at most {worst.above} of {len(worst.repeats)} ({worst.spec.name}), "
        f"{len(known)} of {_MODELS} models"
    )
    if any(each.above > _MOST_ABOVE_RATIO * _REPEATS for each in known):
        return goal, found, "missed"
    whole = len(known) == _MODELS and all(len(each.repeats) >= _REPEATS for each in known)
    return goal, found, "met" if whole else NOT_RUN
