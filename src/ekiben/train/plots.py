"""Plots as SVG text by matplotlib, in colours that the page's style sheet gives (light and dark)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.train.metrics import Judged

# matplotlib writes colours as they are; these stand for the variables of the page.
_INK, _SOFT, _LINE, _A, _B = "#010203", "#020304", "#030405", "#040506", "#050607"
_VARIABLES = {_INK: "--ink", _SOFT: "--soft", _LINE: "--line", _A: "--a", _B: "--b"}
_MOST_CLASSES, _MOST_BARS, _MOST_POINTS = 8, 20, 2000
_STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _SOFT,
    "axes.edgecolor": _SOFT,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def _drawn(title: str, draw: Callable[[Any], None]) -> str:
    """Draw one plot; the same numbers give the same text."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {**_STYLE, "svg.hashsalt": title}
    with mpl.rc_context(style):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(title, loc="left")
        target = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(target, format="svg", transparent=True, metadata=nothing)
    text = target.getvalue()
    text = text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{_quoted(title)}"', 1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def _quoted(text: str) -> str:
    from html import escape

    return escape(text, quote=True)


def bars(title: str, values: Mapping[str, float], errors: Sequence[float] | None = None) -> str:
    """Draw horizontal bars, the first on top; at most 20."""
    names = list(values)[:_MOST_BARS]

    def draw(axes: Any) -> None:
        shown = [name if len(name) < 24 else f"{name[:22]}…" for name in names]  # noqa: PLR2004
        deviations = None if errors is None else list(errors)[: len(names)]
        place = np.arange(len(names))
        axes.barh(place, [values[name] for name in names], xerr=deviations, color=_A, ecolor=_INK)
        axes.set_yticks(place, shown)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")

    return _drawn(title, draw)


def histogram(title: str, edges: Sequence[float], counts: Sequence[int], marks: Sequence[float] = ()) -> str:
    """Draw counts between edges; `marks` are dashed lines (fences of outliers) where they are in range."""

    def draw(axes: Any) -> None:
        axes.stairs(counts, edges, fill=True, color=_A)
        for mark in marks:
            if edges[0] <= mark <= edges[-1]:
                axes.axvline(mark, color=_B, linestyle="--")
        axes.set_ylabel("rows")

    return _drawn(title, draw)


def confusion(judged: Judged) -> str:
    """Draw how often each class (row) was answered as each class (column)."""
    from sklearn.metrics import confusion_matrix

    found = confusion_matrix(judged.labels, judged.predictions, labels=list(judged.classes))

    def draw(axes: Any) -> None:
        shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
        size = len(found)
        for row in range(size):
            for column in range(size):
                share = float(shares[row, column])
                colour = _A if row == column else _B
                axes.add_patch(_square(column, row, colour, 0.75 * share))
                if size <= 2 * _MOST_CLASSES:
                    axes.text(column, row, str(found[row, column]), ha="center", va="center")
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="answered", ylabel="label")
        axes.set_xticks(range(size), [str(label) for label in judged.classes])
        axes.set_yticks(range(size), [str(label) for label in judged.classes])
        axes.grid(visible=False)

    return _drawn("Confusion matrix", draw)


def _square(column: int, row: int, colour: str, opacity: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=opacity, linewidth=0)


def curve(
    title: str,
    judged: Judged,
    points: Callable[[Any, Any], tuple[Any, Any]],
    labels: Sequence[str],
    *,
    diagonal: bool = True,
) -> str:
    """Draw one line per class (the second of two).

    Args:
        title: Heading.
        judged: Answers with probabilities.
        points: From truth and probability of one class, shape (rows,) each, to x and y.
        labels: Of the axes, x and y.
        diagonal: Draw what chance (ROC) or perfect calibration would give.
    """
    given = judged.probabilities
    assert given is not None  # noqa: S101  # callers draw it only then
    two = len(judged.classes) == 2  # noqa: PLR2004
    chosen = [1] if two else range(min(len(judged.classes), _MOST_CLASSES))

    def draw(axes: Any) -> None:
        styles = ("-", "--", ":", "-.")
        for number, at in enumerate(chosen):
            truth = judged.labels == judged.classes[at]
            if truth.all() or not truth.any():
                continue
            x, y = points(truth, given[:, at])
            colour = (_A, _B)[number % 2]
            axes.plot(x, y, styles[number // 2 % 4], color=colour, label=str(judged.classes[at]))
        if diagonal:
            axes.plot([0, 1], [0, 1], color=_LINE, zorder=0)
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        if axes.get_legend_handles_labels()[0]:
            axes.legend()

    return _drawn(title, draw)


def residuals(judged: Judged) -> str:
    """Draw label minus answer over the answer, of at most 2,000 rows."""
    rows = slice(0, _MOST_POINTS)
    found: npt.NDArray[Any] = np.asarray(judged.predictions)[rows]

    def draw(axes: Any) -> None:
        axes.axhline(0, color=_B)
        axes.scatter(found, np.asarray(judged.labels)[rows] - found, s=10, color=_A, alpha=0.6, linewidths=0)
        axes.set(xlabel="answer", ylabel="label minus answer")

    return _drawn("Residuals", draw)
