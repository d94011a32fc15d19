"""The recipe of `applications.csv`: 3,000 loan applications, with what real ones have wrong.

`python -m bentos.credit.applications` writes the file again. A test compares it with the recipe.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).with_name("applications.csv")
ROWS = 3_000
SEED = 20
MISSING_RATIOS = {"income": 0.08, "months_employed": 0.12, "purpose": 0.03}
CENTS_RATIO = 0.01  # incomes written in cents instead of euros
PERCENT_RATIO = 0.01  # debt ratios written in percent
_PURPOSES = {"car": 0.35, "home": 0.30, "education": 0.15, "business": 0.12, "other": 0.08}
_RESIDENCES = {"owner": 0.45, "tenant": 0.45, "parents": 0.10}
_RISK_OF_PURPOSE = {"car": 0.0, "home": -0.4, "education": 0.3, "business": 0.9, "other": 0.2}
_RISK_OF_RESIDENCE = {"owner": -0.4, "tenant": 0.3, "parents": 0.0}

Column = npt.NDArray[np.generic]


def columns() -> dict[str, Column]:
    """Draw the table before anything of it is spoilt; `defaulted` is 1 for about one row in ten."""
    random = np.random.default_rng(SEED)
    age = np.rint(random.uniform(18, 75, ROWS)).astype(np.int64)
    income = np.round(random.lognormal(10.4, 0.45, ROWS), -1)
    employed = np.floor(random.exponential(60, ROWS)).clip(0, (age - 16) * 12)
    debt_ratio = np.round(random.beta(2, 5, ROWS), 3)
    amount = np.round(random.lognormal(8.9, 0.6, ROWS), -2).clip(500)
    purpose = random.choice(list(_PURPOSES), ROWS, p=list(_PURPOSES.values()))
    residence = random.choice(list(_RESIDENCES), ROWS, p=list(_RESIDENCES.values()))
    score = (
        -2.9
        + 4.5 * (debt_ratio - 0.3)
        + 1.2 * np.log(amount / income / 0.2)
        - 0.9 * np.tanh((employed - 24) / 24)  # the first years count, later ones do not
        + 1.0 * (age < 25)  # noqa: PLR2004 - years
        + np.array([_RISK_OF_PURPOSE[each] for each in purpose])
        + np.array([_RISK_OF_RESIDENCE[each] for each in residence])
    )
    defaulted = (random.uniform(size=ROWS) < 1 / (1 + np.exp(-score))).astype(np.int64)
    return {
        "age": age,
        "income": income,
        "months_employed": employed,
        "debt_ratio": debt_ratio,
        "amount": amount,
        "purpose": purpose,
        "residence": residence,
        "defaulted": defaulted,
    }


def text() -> str:
    """Give the content of the file: the table with units mixed up and values left out."""
    random = np.random.default_rng([SEED, 1])
    table = columns()
    table["income"] = _times_hundred(table["income"], CENTS_RATIO, random)
    table["debt_ratio"] = _times_hundred(table["debt_ratio"], PERCENT_RATIO, random)
    cells = {name: [_cell(value) for value in column.tolist()] for name, column in table.items()}
    for name, ratio in MISSING_RATIOS.items():
        for row in np.flatnonzero(random.uniform(size=ROWS) < ratio):
            cells[name][row] = ""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(cells)
    writer.writerows(zip(*cells.values(), strict=True))
    return stream.getvalue()


def _times_hundred(column: Column, ratio: float, random: np.random.Generator) -> Column:
    wrong = random.uniform(size=ROWS) < ratio
    return np.where(wrong, column * 100, column)


def _cell(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8", newline="")
