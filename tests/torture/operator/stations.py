"""Seeded faults of the command line and the road."""

from __future__ import annotations

import functools

from tests.torture.pod.faults import Fault

_Fault = functools.partial(Fault, folder="src/ekiben")
_UNIT = "tests/unit"
_APP = (f"{_UNIT}/cli/test_app.py",)
_KEY = (f"{_UNIT}/cli/test_key.py",)
_UNINSTALL = (f"{_UNIT}/cli/test_uninstall.py",)
_JOURNEY = (f"{_UNIT}/road/test_journey.py",)
_STATIONS = (f"{_UNIT}/road/test_stations.py",)
_SCALING = (f"{_UNIT}/road/test_scaling.py",)

CLI = (
    _Fault(
        "stations-out-of-order",
        "the help shows the stations in road order",
        "cli/app.py",
        "    road,\n    train,\n    model,\n    bento,\n",
        "    road,\n    bento,\n    model,\n    train,\n",
        _APP,
    ),
    _Fault(
        "one-exit-code",
        "each kind of error has its exit code",
        "cli/app.py",
        "        return error.exit_code\n",
        "        return 1\n",
        _APP,
    ),
    _Fault(
        "no-error-for-machines",
        "with --json an error is an object on stdout",
        "cli/output.py",
        "    if as_json:\n        found = {",
        "    if as_json and not error.remedy:\n        found = {",
        _APP,
    ),
    _Fault(
        "traceback-for-usage",
        "what the parser refuses is usage, not a bug",
        "cli/app.py",
        "    if callable(show) and isinstance(code, int):\n",
        "    if not callable(show):\n",
        _APP,
    ),
    _Fault(
        "heavy-import",
        "`--help` loads nothing heavy",
        "cli/traffic.py",
        "import typer\n",
        "import pydantic as _\nimport typer\n",
        _APP,
    ),
    _Fault(
        "option-without-help",
        "every option is explained",
        "cli/traffic.py",
        'metavar="JSON", help="Rows to predict; default: the first golden row."',
        'metavar="JSON"',
        _APP,
    ),
    _Fault(
        "deaf-to-sigterm",
        "a kill unwinds like Ctrl-C",
        "cli/app.py",
        "    signal.signal(signal.SIGTERM, _as_interrupt)  # a kill unwinds like Ctrl-C\n",
        "",
        _APP,
    ),
    _Fault(
        "interrupted-in-silence",
        "an interrupted command says that the next run carries on",
        "cli/app.py",
        "    if code == _INTERRUPTED:",
        "    if code is None:",
        _APP,
    ),
    _Fault(
        "key-in-the-log",
        "a key is on stdout and nowhere else",
        "cli/key.py",
        '_log.info("%s: %s; it is shown this once", self.secret, what)',
        '_log.info("%s: %s; it is shown this once: %s", self.secret, what, new.text)',
        _KEY,
    ),
    _Fault(
        "dry-run-writes",
        "a dry run asks no cluster",
        "cli/key.py",
        '        place.would(f"add {what}", as_json=as_json)\n        return\n    '
        "place.change(lambda found: keys.with_new",
        '        place.would(f"add {what}", as_json=as_json)\n    place.change(lambda found: keys.with_new',
        _KEY,
    ),
    _Fault(
        "key-shown-unwritten",
        "a key that was not written is not shown",
        "cli/key.py",
        "    place.change(lambda found: keys.with_new(found, new.record, now))\n    "
        "place.show(new, what, as_json=as_json)\n",
        "    place.show(new, what, as_json=as_json)\n    place.change(lambda found: "
        "keys.with_new(found, new.record, now))\n",
        _KEY,
    ),
    _Fault(
        "own-key-by-hand",
        "the release's own key is nobody's to make",
        "cli/key.py",
        "    if identifier == keys.OWN:\n",
        "    if not identifier:\n",
        _KEY,
    ),
    _Fault(
        "keys-kept-in-silence",
        "uninstall says whose keys stay",
        "cli/traffic.py",
        "    if gone.kept_keys:\n",
        "    if not gone.secret:\n",
        _UNINSTALL,
    ),
    _Fault(
        "uninstall-takes-all-keys",
        "callers' keys stay unless --keys is given",
        "release/verification.py",
        "    there = () if callers else keys.records(data)\n",
        "    there: Records = ()\n",
        _UNINSTALL,
    ),
)

ROAD = (
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
