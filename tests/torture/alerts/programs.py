"""What the container of a faulty release runs: the pod's own program, with a model that can go wrong.

It starts sound, so that golden rows are right; a file that appears in /tmp, which outlives the container,
makes it go wrong, in the way that the file is named after.
"""

from __future__ import annotations

PYTHON = "/usr/bin/python3"
# Rows that make it raise, or take long, begin with this; no row of the data does.
MARK = 4.242
SLOW_SECONDS = 1.2
LIFE_SECONDS = 25  # over cAdvisor's longest interval and a scrape: it shows a container only while it lives
LATE_SECONDS = 1.5  # over the least that the chart takes as the longest time of a request

_SICK = f"""
import os, sys, threading, time
from ekiben.serving import predictors
from ekiben.serving.__main__ import main
load = predictors.load
class Sick:
    def __init__(self, well):
        self.well = well
    def __getattr__(self, name):
        return getattr(self.well, name)
    def predict(self, rows):
        marked = (rows[:, 0] == {MARK}).any()
        if marked and os.path.exists("/tmp/raises"): raise RuntimeError("on purpose")
        if len(rows) >= 8 and os.path.exists("/tmp/many"): raise RuntimeError("on purpose")
        if marked and os.path.exists("/tmp/slow"): time.sleep({SLOW_SECONDS})
        if marked and os.path.exists("/tmp/late"): time.sleep({LATE_SECONDS})
        found = self.well.predict(rows)
        if os.path.exists("/tmp/wrong"): found.predictions = found.predictions * 0
        return found
def die():
    began = time.monotonic()
    while time.monotonic() < began + {LIFE_SECONDS} or not os.path.exists("/tmp/dies"): time.sleep(0.5)
    os._exit(1)
threading.Thread(target=die, daemon=True).start()
predictors.load = lambda artefact: Sick(load(artefact))
sys.exit(main())
"""
COMMAND = [PYTHON, "-c", _SICK]
