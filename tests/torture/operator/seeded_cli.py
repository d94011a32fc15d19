"""Seeded faults of the command line."""

from __future__ import annotations

import functools

from tests.torture.pod.faults import Fault

_Fault = functools.partial(Fault, folder="src/ekiben")
_UNIT = "tests/unit"
_APP = (f"{_UNIT}/cli/test_app.py",)
_KEY = (f"{_UNIT}/cli/test_key.py",)
_UNINSTALL = (f"{_UNIT}/cli/test_uninstall.py",)

FAULTS: tuple[Fault, ...] = (
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
        "    if as_json:\n        failed(",
        "    if as_json and not error.remedy:\n        failed(",
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
