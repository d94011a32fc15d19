"""Rows on which forms of an estimator are compared: where they would differ if they did.

They are drawn in blocks, each from a seed of its own, so that any number of them needs little memory
and blocks can be drawn in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.ensembles import LEAF, Ensemble
from ekiben.artefact.forms.graph import Reference, dense
from ekiben.artefact.forms.population import Coded, Population

Origin = Literal["resolution", "held out", "threshold", "random"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
BLOCK = 8192  # rows
_BEYOND = 1e-9  # relative; nearer ones are ties
_HALVINGS = 62  # of a range, until two float64 are neighbours
_NEAREST = 4  # every so many-th row beside a boundary is one of the nearest there are
_PER_SPLIT = 2  # rows of a split: the last one that goes left, and the next one
_PER_NEIGHBOUR = 4  # rows of a split beside the float32 numbers around its threshold
_WIDENED = 0.5  # of the range of a column, beyond its ends


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All different splits of an ensemble, behind the steps before it.

    Attributes:
        column: Of what the ensemble takes.
        threshold: As scikit-learn keeps it.
        float32: Whether rows are cast before they are compared.
        sources: Inputs that a column of what the ensemble takes is computed from.
        before: What the steps before give of the estimator's rows.
    """

    column: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    float32: bool
    sources: tuple[tuple[int, ...], ...]
    before: Reference


def thresholds_of(ensemble: Ensemble, sources: Sequence[frozenset[int]], before: Reference) -> Thresholds:
    """Collect the splits of an ensemble, each once; splits of missing values from others have none."""
    inner = [tree.left != LEAF for tree in ensemble.trees]
    column = np.concatenate([tree.feature[each] for tree, each in zip(ensemble.trees, inner, strict=True)])
    threshold = np.concatenate(
        [tree.threshold[each] for tree, each in zip(ensemble.trees, inner, strict=True)]
    )
    pairs = np.unique(np.stack([column.astype(np.float64), threshold], axis=1), axis=0)
    pairs = pairs[np.isfinite(pairs[:, 1])]
    return Thresholds(
        pairs[:, 0].astype(np.int64),
        pairs[:, 1],
        ensemble.float32,
        tuple(tuple(sorted(each)) for each in sources),
        before,
    )


@dataclass(frozen=True, slots=True)
class Block:
    """Rows to draw.

    Attributes:
        origin: Why they are compared.
        number: Of the block among those of its origin.
        count: Rows at most.
    """

    origin: Origin
    number: int
    count: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws the rows of a comparison.

    Attributes:
        population: What rows look like.
        held_out: Coded rows that the estimator was not fitted on.
        splits: Of an ensemble of trees; None for any other estimator.
        label: Labels by the estimator where they change at a boundary; None where there is none to find.
        count: Rows in all.
        seed: Of all randomness.
    """

    population: Population
    held_out: Coded
    splits: Thresholds | None
    label: Callable[[Any], Any] | None
    count: int
    seed: int

    def blocks(self) -> Iterator[Block]:
        """Name the blocks: a half on the data's resolution, a quarter beside thresholds, the rest."""
        held_out = min(len(self.held_out), self.count // 8)
        beside = self.count // 4 if self.splits is not None or self.label is not None else 0
        counts = (self.count // 2, held_out, beside, self.count - self.count // 2 - held_out - beside)
        for origin, count in zip(ORIGINS, counts, strict=True):
            for number, start in enumerate(range(0, count, BLOCK)):
                yield Block(origin, number, min(BLOCK, count - start))

    def rows(self, block: Block) -> tuple[Coded, int]:
        """Draw a block.

        Returns:
            As many rows as its count says, and how many of them are of its origin: where a threshold cannot
            be met (no value of one input reaches it), a random row stands instead.
        """
        found = self._of_origin(block)
        missing = block.count - len(found)
        if not missing:
            return found, len(found)
        random = np.random.default_rng([self.seed, len(ORIGINS), block.number])
        return np.concatenate([found, self.population.within(missing, random)]), len(found)

    def _of_origin(self, block: Block) -> Coded:
        random = np.random.default_rng([self.seed, ORIGINS.index(block.origin), block.number])
        start = block.number * BLOCK
        if block.origin == "resolution":
            return self.population.on_resolution(block.count, random)
        if block.origin == "held out":
            return self.held_out[start : start + block.count]
        if block.origin == "random":
            return self.population.within(block.count, random)
        if self.splits is not None:
            return self._beside_splits(self.splits, start, block.count, random)
        return self._beside_boundaries(block.count, random)

    def thresholds(self) -> tuple[int, int]:
        """Thresholds there are, and splits with rows beside them."""
        if self.splits is None:
            return 0, 0
        every = len(self.splits.threshold)
        return every, min(every, self.count // 4 // _PER_SPLIT)

    def _beside_splits(
        self, splits: Thresholds, start: int, count: int, random: np.random.Generator
    ) -> Coded:
        """Both sides of each split in turn, then the float32 numbers around each threshold."""
        every = len(splits.threshold)
        order = np.random.default_rng([self.seed, every]).permutation(every)
        budget = self.count // 4
        pairs = min(every, budget // _PER_SPLIT)
        numbers = np.arange(start, start + count)
        near = np.unique(numbers[numbers < pairs * _PER_SPLIT] // _PER_SPLIT)
        around = np.unique((numbers[numbers >= pairs * _PER_SPLIT] - pairs * _PER_SPLIT) // _PER_NEIGHBOUR)
        parts = [self._both_sides(splits, order[near], None, random)]
        if every:
            single = splits.threshold.astype(np.float32)
            for toward in (-np.inf, np.inf):
                limits = np.nextafter(single, np.float32(toward)).astype(np.float64)
                chosen = order[around % every]
                parts.append(self._both_sides(splits, chosen, limits[chosen], random))
        return np.concatenate(parts)[:count]

    def _both_sides(
        self, splits: Thresholds, chosen: npt.NDArray[Any], limits: Coded | None, random: np.random.Generator
    ) -> Coded:
        """Known rows, one value moved to where what the ensemble takes crosses a limit."""
        count = len(chosen)
        rows = self.population.known[random.integers(len(self.population.known), size=count)]
        column, threshold = splits.column[chosen], splits.threshold[chosen]
        source = np.array([random.choice(splits.sources[each] or (0,)) for each in column], dtype=np.intp)

        def left(given: Coded) -> npt.NDArray[np.bool_]:
            taken = dense(splits.before(self.population.decode(given)))[np.arange(count), column]
            taken = taken.astype(np.float64)
            if limits is not None:
                return np.asarray(taken <= limits)
            with np.errstate(over="ignore"):
                return np.asarray((taken.astype(np.float32) if splits.float32 else taken) <= threshold)

        return self._crossed(rows, source, left, beyond=0.0)

    def _beside_boundaries(self, count: int, random: np.random.Generator) -> Coded:
        """Known rows, one value moved to where the label changes and a billionth beyond; the nearest too."""
        if self.label is None:
            return self.population.known[:0]
        known = self.population.known
        half = max(1, count // 2)
        rows = known[random.integers(len(known), size=half)]
        source = np.arange(half) % known.shape[1]
        label = self.label
        first = self._ends(rows, source)[0]
        expected = np.asarray(label(self.population.decode(first)))

        def same(given: Coded) -> npt.NDArray[np.bool_]:
            return np.asarray(label(self.population.decode(given)) == expected)

        return self._crossed(rows, source, same, beyond=_BEYOND)[:count]

    def _ends(self, rows: Coded, source: npt.NDArray[np.intp]) -> tuple[Coded, Coded]:
        """Rows with one value at either end of a column, widened by half of its range."""
        lowest, highest = (edge(self.population.known, axis=0) for edge in (np.nanmin, np.nanmax))
        width = (highest - lowest) * _WIDENED
        low, high = rows.copy(), rows.copy()
        each = np.arange(len(rows))
        low[each, source] = (lowest - width)[source]
        high[each, source] = (highest + width)[source]
        return self._whole(low, rows, source, np.ceil), self._whole(high, rows, source, np.floor)

    def _whole(self, moved: Coded, rows: Coded, source: npt.NDArray[np.intp], rounded: Any) -> Coded:
        """Keep columns to what they can hold: whole numbers, and no others where others are refused."""
        for place, declared in enumerate(self.population.inputs):
            here = source == place
            if declared.type == "string" or place in self.population.closed:
                moved[here, place] = rows[here, place]
            elif declared.type == "bool":
                moved[here, place] = rounded(moved[here, place]).clip(0, 1)
            elif declared.type == "int64":
                moved[here, place] = rounded(moved[here, place])
        return moved

    def _crossed(
        self,
        rows: Coded,
        source: npt.NDArray[np.intp],
        left: Callable[[Coded], npt.NDArray[np.bool_]],
        *,
        beyond: float,
    ) -> Coded:
        """Halve the range of one value per row until two neighbours in float64 fall on either side."""
        if len(rows) == 0:
            return rows
        low, high = self._ends(rows, source)
        each = np.arange(len(rows))
        begins, ends = left(low), left(high)
        crosses = begins != ends
        for _ in range(_HALVINGS):
            middle = low.copy()
            middle[each, source] = low[each, source] / 2 + high[each, source] / 2
            middle = self._whole(middle, rows, source, np.floor)
            here = (left(middle) == begins)[:, None]
            low, high = np.where(here, middle, low), np.where(here, high, middle)
        if beyond:
            far = np.arange(len(rows)) % _NEAREST != 0
            away = np.abs(low[each, source]) * beyond * far
            low[each, source] -= away
            high[each, source] += away
            low = self._whole(low, rows, source, np.floor)
            high = self._whole(high, rows, source, np.ceil)
        return np.stack([low[crosses], high[crosses]], axis=1).reshape(-1, rows.shape[1])
