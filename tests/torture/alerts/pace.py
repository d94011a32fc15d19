"""The chart at the pace of the faults: the same rules, their windows and `for` a sixtieth as long."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.torture.pod import results

from ekiben.observe import rules
from ekiben.observe.windows import Pace

# The kubelet looks at a container that does nothing every 15 s only: the longest interval of a source here,
# beside metrics-server's 10 s and scrapes every 5 s.
# Source: maxHousekeepingInterval in Kubernetes' pkg/kubelet/cadvisor/cadvisor_linux.go.
PACE = Pace(factor=1 / 60, interval_seconds=15)
INTERVAL_SECONDS = 5  # between evaluations; the least that the chart takes
_CHART = results.ROOT / "helm" / "model-server"


def chart(folder: Path) -> Path:
    """Copy the chart; its own template narrows the rules of this pace to a release.

    Args:
        folder: Where; must not be there.
    """
    shutil.copytree(_CHART, folder)
    (folder / "files" / "rules.yaml").write_text(rules.text(rules.groups(PACE)), encoding="utf-8")
    return folder


def bound_seconds(window: int, hold: int) -> int:
    """Time within which an alert must fire: twice its short window and its `for`, scaled.

    Args:
        window: Its (short) window in service, seconds; 0 for none.
        hold: Its `for` in service, seconds; 0 for none. Without both, its least is that of a window.
    """
    parts = [PACE.window(each) for each in (window, hold) if each]
    return 2 * (sum(parts) or PACE.window(0))
