"""In which order what is measured: pure, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Each = TypeVar("Each")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One condition; every arm is measured in it.

    Attributes:
        model: Name of the model.
        rows: In each request.
        connections: Of the load generator, each with one request at a time.
    """

    model: str
    rows: int
    connections: int


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """One repeat of one cell: all arms, one after the other, within about a minute."""

    cell: Cell
    repeat: int


def blocks(
    model: str, rows: Iterable[int], connections: Iterable[int], repeats: int, seed: int
) -> list[Block]:
    """Order the blocks of one model: each repeat has every cell once, shuffled.

    Args:
        model: Name of the model.
        rows: Row counts.
        connections: Numbers of connections.
        repeats: How often each cell is measured.
        seed: Of the order.
    """
    cells = [Cell(model, row, connection) for row in rows for connection in connections]
    return [
        Block(cell, repeat)
        for repeat in range(repeats)
        for cell in shuffled(cells, f"{seed}/{model}/{repeat}")
    ]


def shuffled(items: Sequence[Each], key: str) -> list[Each]:
    """Shuffle; the same key gives the same order on every machine."""
    return random.Random(key).sample(items, len(items))  # noqa: S311 - an order, not a secret
