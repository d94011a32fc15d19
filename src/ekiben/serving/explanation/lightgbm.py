"""LightGBM's C library: exact TreeSHAP in float64, of trees that were grown elsewhere.

Only the library of the wheel is loaded, by its C interface; its Python package, which needs scipy, is not.
It frees the interpreter while it computes.

Source: https://lightgbm.readthedocs.io/en/latest/C-API.html; src/io/tree.cpp of LightGBM, `Tree::Tree` and
`Tree::ToString` (the text of a model), `Tree::TreeSHAP`.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError

Floats = npt.NDArray[np.float64]
_FLOAT64, _ROW_MAJOR = 1, 1  # C_API_DTYPE_FLOAT64, is_row_major
_RAW, _CONTRIBUTIONS = 1, 3  # C_API_PREDICT_RAW_SCORE, C_API_PREDICT_CONTRIB
_ALL = -1  # iterations
_PARAMETERS = b"num_threads=1 verbosity=-1"


def library() -> Path:
    """Where the library is.

    Raises:
        ConfigError: It is not installed.
    """
    found = importlib.util.find_spec("lightgbm")  # found, not imported
    folder = None if found is None or found.origin is None else Path(found.origin).parent
    path = None if folder is None else folder / "lib" / "lib_lightgbm.so"
    if path is None or not path.is_file():
        raise ConfigError(
            "explanations of trees need LightGBM's library, which is not here",
            remedy="build the image of this artefact again: its part `explain` holds it; "
            "on a desk: pip install lightgbm",
        )
    return path


class Booster:
    """A model of LightGBM's.

    Args:
        text: In its text format.
        width: Columns.
        scores: Scores per row.

    Raises:
        ConfigError: The library is absent, cannot be loaded, or refuses the text.
    """

    def __init__(self, text: str, width: int, scores: int) -> None:
        path = library()
        try:
            self._library: Any = ctypes.CDLL(str(path))
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be loaded: {error}", remedy="the base image needs libgomp1 (OpenMP)"
            ) from error
        self._library.LGBM_GetLastError.restype = ctypes.c_char_p
        self._width, self._scores = width, scores
        self._handle = ctypes.c_void_p()
        self._require(
            self._library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode()), ctypes.byref(ctypes.c_int()), ctypes.byref(self._handle)
            )
        )

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)

    def contributions(self, rows: Floats) -> Floats:
        """Shape (rows, scores, columns + 1); the last is the expectation."""
        return self._predict(rows, _CONTRIBUTIONS, self._width + 1)

    def raw(self, rows: Floats) -> Floats:
        """Shape (rows, scores): the sum of the leaves that a row comes to."""
        return self._predict(rows, _RAW, 1)[:, :, 0]

    def _predict(self, rows: Floats, what: int, each: int) -> Floats:
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        found = np.empty((len(rows), self._scores, each))
        length = ctypes.c_int64()
        self._require(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                ctypes.c_void_p(rows.ctypes.data),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(self._width),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(what),
                ctypes.c_int(0),
                ctypes.c_int(_ALL),
                ctypes.c_char_p(_PARAMETERS),
                ctypes.byref(length),
                ctypes.c_void_p(found.ctypes.data),
            )
        )
        if length.value != found.size:
            raise ConfigError(f"LightGBM: expected {found.size} numbers, found {length.value}")
        return found

    def _require(self, status: int) -> None:
        if status != 0:
            reason = self._library.LGBM_GetLastError().decode(errors="replace")
            raise ConfigError(f"LightGBM refused: {reason}", remedy="train the model again")
