"""The order of what is measured."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.plan import Cell, blocks, shuffled

ROOT = Path(__file__).parents[3]


def test_every_repeat_has_every_cell_once() -> None:
    """No cell is measured more often than another, and none twice before all others once."""
    found = blocks("iris", (1, 256), (1, 16, 64), 4, seed=7)
    for repeat in range(4):
        cells = Counter(each.cell for each in found[repeat * 6 : repeat * 6 + 6])
        assert set(cells.values()) == {1}
        assert {(cell.rows, cell.connections) for cell in cells} == {
            (1, 1), (1, 16), (1, 64), (256, 1), (256, 16), (256, 64),
        }  # fmt: skip
        assert {each.repeat for each in found[repeat * 6 : repeat * 6 + 6]} == {repeat}


def test_the_order_depends_on_the_seed_and_on_the_repeat() -> None:
    """Two repeats have different orders, and so have two seeds."""
    first, second = (
        blocks("iris", (1, 256), (1, 16, 64), 2, seed=1),
        blocks("iris", (1, 256), (1, 16, 64), 2, seed=2),
    )
    assert [each.cell for each in first] != [each.cell for each in second]
    assert [each.cell for each in first[:6]] != [each.cell for each in first[6:]]


def test_the_order_is_the_same_in_another_process() -> None:
    """A run that carries on after it was killed keeps to the order that it began."""
    program = "from benchmarks.plan import shuffled; print(shuffled('abcdefgh', 'key'))"
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert other.strip() == str(shuffled("abcdefgh", "key"))
    assert sorted(shuffled("abcdefgh", "key")) == list("abcdefgh")


def test_cells_sort_by_model_rows_and_connections() -> None:
    """Tables have the same columns whatever the order of measurement was."""
    cells = [Cell("iris", 256, 1), Cell("iris", 1, 64), Cell("cancer", 1, 16), Cell("iris", 1, 1)]
    assert sorted(cells) == [cells[2], cells[3], cells[1], cells[0]]
