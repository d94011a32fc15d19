"""Seeded faults of the road: journey, stations, load."""

from __future__ import annotations

import functools

from tests.torture.pod.faults import Fault

_Fault = functools.partial(Fault, folder="src/ekiben")
_UNIT = "tests/unit"
_JOURNEY = (f"{_UNIT}/road/test_journey.py",)
_STATIONS = (f"{_UNIT}/road/test_stations.py",)
_SCALING = (f"{_UNIT}/road/test_scaling.py",)

FAULTS: tuple[Fault, ...] = (
    _Fault(
        "stale-station",
        "another input runs a station again",
        "road/journey.py",
        "        return stop if stop is not None and stop.fingerprint == fingerprint else None\n",
        "        return stop\n",
        _JOURNEY,
    ),
    _Fault(
        "later-stations-kept",
        "another output makes later stations stale",
        "road/journey.py",
        "                self._stops.pop(later, None)\n        self._stops[station] = stop\n",
        "                later.strip()\n        self._stops[station] = stop\n",
        _JOURNEY,
    ),
    _Fault(
        "all-forgotten",
        "the same output keeps later stations",
        "road/journey.py",
        "        if before is None or before.fingerprint != fingerprint or before.output != found:\n",
        "        if before is None or found:\n",
        _JOURNEY,
    ),
    _Fault(
        "broken-journey",
        "a broken file is an empty journey",
        "road/journey.py",
        "    except (OSError, ValueError, TypeError, AttributeError):\n",
        "    except OSError:\n",
        _JOURNEY,
    ),
    _Fault(
        "half-a-journey",
        "the file is replaced whole",
        "road/journey.py",
        '        new = self._path.with_suffix(f".{os.getpid()}.new")\n',
        "        new = self._path\n",
        _JOURNEY,
    ),
    _Fault(
        "blind-fingerprint",
        "a changed file is another input",
        "road/journey.py",
        "hashlib.sha256(path.read_bytes()).digest()",
        'b""',
        _JOURNEY,
    ),
    _Fault(
        "order-of-files",
        "the order of files is no input",
        "road/journey.py",
        "    for path in sorted(files):\n",
        "    for path in files:\n",
        _JOURNEY,
    ),
    _Fault(
        "output-gone",
        "a station whose output is gone runs again",
        "road/stations.py",
        "    done = traveller.journey.finished(station, went_in) if still_there else None\n",
        "    done = traveller.journey.finished(station, went_in)\n",
        _STATIONS,
    ),
    _Fault(
        "never-resumed",
        "a finished station is not run again",
        "road/stations.py",
        "    done = traveller.journey.finished(station, went_in) if still_there else None\n",
        "    done = None\n",
        _STATIONS,
    ),
    _Fault(
        "sources-unseen",
        "a changed file of the model's own trains again",
        "road/stations.py",
        "        _packages(),\n        files=files,\n",
        "        _packages(),\n",
        _STATIONS,
    ),
    _Fault(
        "station-skipped",
        "a station without its input names the one before",
        "road/stations.py",
        "        if stop is None:\n            raise ConfigError(",
        "        if stop is None and not self.config.model:\n            raise ConfigError(",
        _STATIONS,
    ),
    _Fault(
        "port-unchecked",
        "a taken port is named before anything starts",
        "road/process.py",
        '(port + 1, "grpc"), ',
        "",
        _SCALING,
    ),
    _Fault(
        "goal-above-the-most",
        "the goal stays within the most replicas",
        "road/scaling.py",
        "min(found.scale.max_replicas, found.scale.min_replicas + _MORE_REPLICAS)",
        "found.scale.min_replicas + _MORE_REPLICAS",
        _SCALING,
    ),
    _Fault(
        "load-too-small",
        "the load needs the goal",
        "road/scaling.py",
        "_rate(found, goal + _OVER_GOAL, cost)",
        "_rate(found, goal - 2, cost)",
        _SCALING,
    ),
)
