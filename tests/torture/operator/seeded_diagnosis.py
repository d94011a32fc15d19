"""Seeded faults of the diagnosis: status, page, plots."""

from __future__ import annotations

import functools

from tests.torture.pod.faults import Fault

_Fault = functools.partial(Fault, folder="src/ekiben")
_UNIT = "tests/unit"
_STATUS = (f"{_UNIT}/diagnosis/test_status.py",)
_AUTOSCALING = (f"{_UNIT}/diagnosis/test_autoscaling.py",)
_PLOT = (f"{_UNIT}/diagnosis/test_plot.py",)
_RUN_PAGE = (f"{_UNIT}/diagnosis/test_run_page.py",)

FAULTS: tuple[Fault, ...] = (
    _Fault(
        "unknown-is-zero",
        "what is not known is never 0",
        "diagnosis/traffic.py",
        "    except NoDataError:\n        return None\n",
        "    except NoDataError:\n        return 0.0\n",
        _STATUS,
    ),
    _Fault(
        "prometheus-is-needed",
        "without Prometheus the rest is told",
        "diagnosis/traffic.py",
        '        notes.append(f"no rate, errors or latency: {error}")\n        return Traffic()\n',
        "        raise\n",
        _STATUS,
    ),
    _Fault(
        "another-window",
        "figures are of the configured window",
        "diagnosis/traffic.py",
        "window_seconds=window)",
        "window_seconds=60)",
        _STATUS,
    ),
    _Fault(
        "idle-without-note",
        "no traffic is said, not left out",
        "diagnosis/traffic.py",
        '    if found["error_ratio"] is None:\n',
        '    if found["error_ratio"] is None and not window:\n',
        _STATUS,
    ),
    _Fault(
        "unverified-as-verified",
        "an unverified revision is not shown as verified",
        "diagnosis/deployed.py",
        "    found = next((entry for entry in known if entry.revision == revision.number), None)\n",
        "    found = known[-1] if known else None\n",
        _STATUS,
    ),
    _Fault(
        "ending-counts",
        "a replica that is ending is not ready",
        "diagnosis/deployed.py",
        "    ready = sum(pod.ready and not pod.ending for pod in pods)\n",
        "    ready = sum(pod.ready for pod in pods)\n",
        _STATUS,
    ),
    _Fault(
        "other-image-unnoticed",
        "another image than the verified one is named",
        "diagnosis/deployed.py",
        "    if others:\n",
        "    if not pods:\n",
        _STATUS,
    ),
    _Fault(
        "crash-loop-unnoticed",
        "pods in trouble are named",
        "diagnosis/deployed.py",
        "        if why and not pod.ending:\n",
        "        if why and pod.ready:\n",
        _STATUS,
    ),
    _Fault(
        "pending-unnoticed",
        "a Helm command under way is said",
        "diagnosis/deployed.py",
        "    if newest.pending:\n",
        "    if not newest:\n",
        _STATUS,
    ),
    _Fault(
        "no-release-is-fine",
        "a release that is not there is an error",
        "diagnosis/deployed.py",
        "    if rollout is None:\n        raise ClusterError(",
        "    if rollout is None and not name:\n        raise ClusterError(",
        _STATUS,
    ),
    _Fault(
        "watch-ends",
        "watching survives a look that fails",
        "diagnosis/watch.py",
        "            except EkibenError as error:\n                recent.add(None)\n",
        "            except EkibenError as error:\n                stop.set()\n                "
        "recent.add(None)\n",
        _STATUS,
    ),
    _Fault(
        "reason-swallowed",
        "an unknown reason of the HPA is passed on",
        "diagnosis/autoscaling.py",
        '        return f"{condition.type} is {condition.status}: {condition.reason}: {condition.message}"\n',
        '        return ""\n',
        _AUTOSCALING,
    ),
    _Fault(
        "stale-percentage",
        "without figures no CPU use is claimed",
        "diagnosis/autoscaling.py",
        '_numbers(hpa) if active is not None and active.status == "False" else _seen(hpa, '
        "target_cpu_percent)",
        "_seen(hpa, target_cpu_percent)",
        _AUTOSCALING,
    ),
    _Fault(
        "gaps-joined",
        "gaps interrupt a line",
        "diagnosis/plot.py",
        "        line.points, key=lambda p: p[1] is not None and (p[1] > 0 or not logarithmic)\n",
        "        line.points, key=lambda _: True\n",
        _PLOT,
    ),
    _Fault(
        "counts-slope",
        "counts are steps",
        "diagnosis/plot.py",
        "steps=line.steps",
        "steps=False",
        _PLOT,
    ),
    _Fault(
        "markup-from-outside",
        "text of others is text",
        "diagnosis/run_page.py",
        "{escape(note)}",
        "{note}",
        _RUN_PAGE,
    ),
    _Fault(
        "half-a-page",
        "the page is replaced whole",
        "page/html.py",
        '    part = path.with_name(f".{path.name}.{os.getpid()}")\n',
        "    part = path\n",
        _RUN_PAGE,
    ),
    _Fault(
        "tails-averaged",
        "the p99 of joined seconds is the worst of them",
        "diagnosis/run.py",
        "p99_seconds=max(tails)",
        "p99_seconds=statistics.median(tails)",
        _RUN_PAGE,
    ),
    _Fault(
        "invalid-as-valid",
        "an invalid measurement says so",
        "diagnosis/run.py",
        "for reason in load.reasons]",
        "for reason in ()]",
        _RUN_PAGE,
    ),
)
