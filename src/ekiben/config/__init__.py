"""`ekiben.yaml`, one per model: its sections are the stations of the road.

Frozen, extra keys refused, bounds and units on every field; a field's
description is its documentation. Precedence: flag > `EKIBEN_*` > file > default
(flags are applied by the CLI with `model_copy`; `EKIBEN_SCALE__MAX_REPLICAS=8`
sets `scale.max_replicas`).
"""

from __future__ import annotations

from ekiben.config.file import folder, load, parse
from ekiben.config.inputs import InputPolicy, Section
from ekiben.config.seal import Encryption, Seal
from ekiben.config.sections import (
    RESERVED_NAMES,
    Bento,
    Compression,
    Image,
    Load,
    ModelConfig,
    Observe,
    Recheck,
    Release,
    Resources,
    Scale,
    Traffic,
)
from ekiben.config.train import Acceptance, DataFile, Metric, Partition, Search, Train

__all__ = [
    "RESERVED_NAMES",
    "Acceptance",
    "Bento",
    "Compression",
    "DataFile",
    "Encryption",
    "Image",
    "InputPolicy",
    "Load",
    "Metric",
    "ModelConfig",
    "Observe",
    "Partition",
    "Recheck",
    "Release",
    "Resources",
    "Scale",
    "Seal",
    "Search",
    "Section",
    "Traffic",
    "Train",
    "folder",
    "load",
    "parse",
]
