"""The arrays of a linear model as an HDF5 file, for programs that are not Python.

`/coefficients` (scores, inputs) and `/intercepts` (scores,) are float64 and take
features as they come: scaling is folded in. Attributes of the root: `format`,
`link` (how scores become answers, as in `linear.json`), `inputs` (names, in
order) and, for a classifier, `classes` as JSON.
"""

from __future__ import annotations

import io
import json

import numpy as np

from ekiben.errors import ConfigError
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.schema import Schema

FORMAT = 1


def content(linear: bytes, schema: Schema) -> bytes:
    """Write the file; the same model gives the same bytes.

    Args:
        linear: Content of `linear.json`.
        schema: Names of the inputs, and the classes.
    """
    import h5py

    found = Linear.parse(linear)
    target = io.BytesIO()
    with h5py.File(target, "w", libver=("v110", "v110"), track_order=False) as file:
        file.create_dataset("coefficients", data=found.coefficients, track_times=False)
        file.create_dataset("intercepts", data=found.intercepts, track_times=False)
        file.attrs["format"] = FORMAT
        file.attrs["link"] = found.link
        file.attrs["inputs"] = json.dumps([each.name for each in schema.inputs])
        if schema.output.classes is not None:
            file.attrs["classes"] = json.dumps(list(schema.output.classes))
    return target.getvalue()


def read(content: bytes) -> Linear:
    """Read the arrays back.

    Raises:
        ConfigError: It is no such file.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            known = int(file.attrs["format"]) == FORMAT
            found = Linear(
                np.asarray(file["coefficients"][()], dtype=np.float64),
                np.asarray(file["intercepts"][()], dtype=np.float64),
                str(file.attrs["link"]),
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"estimator.h5: expected the arrays of a linear model: {error}") from error
    if not known:
        raise ConfigError(f"estimator.h5: expected format {FORMAT}")
    return found
