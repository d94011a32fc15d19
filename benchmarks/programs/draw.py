"""Draw figures, given as JSON on standard input, as SVG into a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

_WIDTH, _BAR, _MARGIN = 8.0, 0.32, 1.1  # inches


def draw(found: dict[str, Any], mark: str, folder: Path) -> None:
    """Draw one figure; the same input gives the same bytes."""
    bars, lines = found["bars"], found["lines"]
    figure, axes = plt.subplots(
        figsize=(_WIDTH, _MARGIN + _BAR * len(bars) if bars else 3.5), layout="constrained"
    )
    if bars:
        labels, medians, lows, highs = zip(*bars, strict=True)
        errors = [
            [median - low for median, low in zip(medians, lows, strict=True)],
            [high - median for median, high in zip(medians, highs, strict=True)],
        ]
        colours = ["tab:red" if label == "ekiben" else "tab:gray" for label in labels]
        axes.barh(labels, medians, xerr=errors, color=colours, ecolor="black", capsize=2)
        axes.set_xscale("log")
        axes.set_xlabel(f"{found['axis']} (median; least and greatest; logarithmic)")
        axes.grid(axis="x", alpha=0.3)
    for label, points in lines:
        axes.plot(*zip(*points, strict=True), label=label)
    if lines:
        axes.set_ylim(bottom=0)
        axes.set_ylabel(found["axis"])
        axes.legend()
        axes.grid(alpha=0.3)
    axes.set_title(found["title"], fontsize="medium")
    metadata = {"Date": None, "Creator": None, "Description": f"drawn from {mark}"}
    figure.savefig(folder / f"{found['name']}.svg", metadata=metadata)
    plt.close(figure)


if __name__ == "__main__":
    mpl.rcParams["svg.hashsalt"] = "ekiben"
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text
    for each in json.load(sys.stdin):
        draw(each["drawing"], each["mark"], Path(sys.argv[1]))
