"""When the next caller will be without a key."""

from __future__ import annotations

import math
from pathlib import Path

from tests.unit.serving.access import made
from tests.unit.serving.access.made import NOW, key_record, key_text

from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Open, Required

WEB, NEW, BATCH = key_text("web"), key_text("web", 1), key_text("batch")


def _next(folder: Path, *records: object) -> float:
    made.write(folder, "keys.json", made.key_file(*records))  # type: ignore[arg-type]
    return Required(folder, Clock(lambda: float(NOW), lambda: 0.0)).next_key_expiry()


def test_the_next_expiry_is_the_first_among_callers(tmp_path: Path) -> None:
    """Of two callers, the one whose key ends first; a key without end does not count."""
    records = (key_record(WEB, expires=made.moment(90)), key_record(BATCH, expires=made.moment(40)))
    assert _next(tmp_path, *records, key_record(key_text("endless"))) == NOW + 40


def test_a_caller_that_changes_keys_is_not_at_its_end(tmp_path: Path) -> None:
    """Of two keys of one id the later end counts."""
    records = (key_record(WEB, expires=made.moment(10)), key_record(NEW, expires=made.moment(70)))
    assert _next(tmp_path, *records) == NOW + 70


def test_without_an_end_the_next_expiry_is_infinite(tmp_path: Path) -> None:
    """No access control, no keys, and keys that never end."""
    assert Open().next_key_expiry() == math.inf
    assert _next(tmp_path) == math.inf
    assert _next(tmp_path, key_record(WEB)) == math.inf
