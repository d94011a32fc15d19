"""The image, made and pushed for real: to a private registry with TLS, a CA of its own and passwords.

Needs Debian's docker-registry, apache2-utils and openssl beside what `ekiben image`
needs (buildah or podman, mmdebstrap); fails without them. Needs no cluster.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.e2e.private import PASSWORD, USER, Private, authority, tool, wait
from tests.e2e.rig import Rig

from ekiben import config
from ekiben.clients import places
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import BentoTag
from ekiben.image import contents, finding, station

ROOT = Path(__file__).resolve().parents[2]
WARM_SECONDS = 15  # a model changed, all else was made before; about 1 s on an idle machine


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """The registry, on a free port of the loopback."""
    folder = tmp_path_factory.mktemp("registry")
    authority(folder)
    hashed = subprocess.run(
        [tool("htpasswd", "apache2-utils"), "-iBn", USER],
        input=PASSWORD, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / "htpasswd").write_text(hashed.stdout)
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "auth.json").write_text(json.dumps({"auths": {host: {"auth": packed}}}))
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {
            "addr": host,
            "tls": {"certificate": str(folder / "tls.pem"), "key": str(folder / "tls.key")},
        },
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    program = tool("docker-registry", "docker-registry")
    found = Private(host, folder / "ca.pem", folder / "auth.json")
    with (folder / "log").open("w") as log, subprocess.Popen(
        [program, "serve", str(folder / "config.yml")], stdout=log, stderr=log
    ) as process:  # fmt: skip
        try:
            wait(found, process, folder / "log")
            yield found
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """A BentoML home and journeys of these tests' own; the cache is the usual one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EKIBEN_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        yield patch


def configured(private: Private, **fields: Any) -> config.ModelConfig:
    """Iris, pushed to the private registry."""
    read = config.load("iris", ROOT, {})
    section = {"registry": private.host, "ca_file": str(private.ca), "auth_file": str(private.auth), **fields}
    return read.model_copy(update={"image": read.image.model_copy(update=section)})


def packed(seed: int) -> BentoTag:
    """Stations 1 and 2, by their commands."""
    for verb in ("train", "bento"):
        done = subprocess.run(
            [sys.executable, "-m", "ekiben", "--project", str(ROOT), verb, "iris", "--json"],
            env={**os.environ, "EKIBEN_TRAIN__SEED": str(seed)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return BentoTag.parse(str(json.loads(done.stdout)["tag"]))


@pytest.fixture(scope="module")
def bento(environment: pytest.MonkeyPatch) -> BentoTag:
    """The flagship's bento."""
    assert environment
    return packed(0)


@pytest.fixture(scope="module")
def built(private: Private, bento: BentoTag) -> station.Built:
    """The flagship's image, in the private registry."""
    return station.build(configured(private), bento, "")


def test_the_private_registry_holds_the_image_by_its_digest(private: Private, built: station.Built) -> None:
    """Without a password it gives nothing; with one it gives the manifest that was promised."""
    path = f"ekiben/iris/manifests/{built.image.digest}"
    assert private.get(path, password=None)[0] == 401
    status, body, digest = private.get(path)
    assert (status, digest) == (200, built.image.digest)
    manifest = json.loads(body)
    assert sum(layer["size"] for layer in manifest["layers"]) == built.compressed_bytes <= 100_000_000
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in built.layers]
    assert [layer.name for layer in built.layers][-1] == "model"
    Rig.figures.append({f"image_{layer.name}_mb": layer.compressed_bytes / 1e6 for layer in built.layers})


def test_the_image_holds_what_its_list_says_and_no_tools(built: station.Built) -> None:
    """SBOM and files agree on every distribution; no compiler, shell, git, pip or package manager."""
    found = contents.inspect(built.archive)
    tools = {"gcc", "cc", "ld", "make", "git", "pip", "pip3", "apt", "apt-get", "dpkg", "sh", "bash", "perl"}
    assert not found.programs & tools
    assert "python3" in found.programs
    assert not [path for path in found.files if "/ensurepip/" in path or "/pip/" in path]
    upper = built.archive / "blobs" / built.layers[-3].digest.replace(":", "/")
    with tarfile.open(upper) as tar:
        sbom = tar.extractfile("opt/ekiben/sbom.json")
        assert sbom is not None
        listed = {(part["name"], part["version"]) for part in json.load(sbom)["components"]}
    assert listed - {part for part in listed if part[0] == "ekiben"} == {
        (part.name, part.version) for part in found.components
    }
    assert {"numpy", "onnxruntime", "libc6"} <= {name for name, _ in listed}
    assert not {"bentoml", "scikit-learn", "scipy"} & {name for name, _ in listed}  # nobody answers by them
    assert {
        (part["name"], part["version"]) for part in json.loads(built.sbom.read_bytes())["components"]
    } == listed


def test_the_list_of_parts_is_valid_and_whole(built: station.Built) -> None:
    """By the official schema; and it names each folder of a distribution and each Debian package."""
    text = built.sbom.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = Counter(part["purl"].partition("@")[0] for part in json.loads(text)["components"])
    counted: Counter[str] = Counter()
    for each in built.layers:
        with tarfile.open(built.archive / "blobs" / each.digest.replace(":", "/")) as tar:
            paths = [Path(member.name) for member in tar if member.isdir() or member.isreg()]
        folders = {one for path in paths for one in (path, *path.parents) if one.suffix == ".dist-info"}
        names = (one.name.partition("-")[0].lower().replace("_", "-") for one in folders)
        counted.update(f"pkg:pypi/{name.replace('.', '-')}" for name in names)
        status = [path for path in paths if path.parent.name == "status.d" and path.suffix != ".md5sums"]
        counted.update(f"pkg:deb/debian/{quote(path.name)}" for path in status)
    ours = Counter({"pkg:pypi/ekiben": 1})  # its half is copied, not installed
    assert {name.replace(".", "-"): n for name, n in (listed - ours).items() if "pypi" in name} == {
        name: n for name, n in counted.items() if "pypi" in name
    }
    assert {n for n in listed if "deb" in n} == {n for n in counted if "deb" in n}
    assert len(counted) > 20


def test_a_second_build_sends_nothing_and_a_new_model_only_itself(
    private: Private, bento: BentoTag, built: station.Built
) -> None:
    """The same inputs give the same digest at once; with another seed the lower layers stay."""
    assert station.build(configured(private), bento, "") == built
    tag = packed(1)
    began = time.monotonic()
    changed = station.build(configured(private), tag, "")
    seconds = time.monotonic() - began
    Rig.figures.append({"image_warm_seconds": round(seconds, 2)})
    assert changed.layers[:-2] == built.layers[:-2]
    assert changed.layers[-1].digest != built.layers[-1].digest
    assert changed.artefact_sha256 != built.artefact_sha256
    assert seconds < WARM_SECONDS


def _purls(sbom: Path) -> set[str]:
    """All that an image installs, with versions."""
    return {part["purl"] for part in json.loads(sbom.read_bytes())["components"]}


def test_an_empty_cache_gives_the_same_digest(
    private: Private, bento: BentoTag, built: station.Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base, packages and all made again elsewhere, under another umask, are the same bytes.

    Both caches start empty: the usual one may hold a base of an earlier state of Debian's archive.
    """
    usual, found = places.cache(), []
    for name, umask in (("one", 0o022), ("another", 0o077)):
        monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path / name))
        before = os.umask(umask)
        try:
            found.append(station.build(configured(private), bento, ""))
        finally:
            os.umask(before)
    one, another = found
    assert built.archive.is_relative_to(usual)
    assert one.archive.is_relative_to(tmp_path / "one")
    assert another.archive.is_relative_to(tmp_path / "another")
    assert another.image == one.image
    renewed = station.build(configured(private), bento, "", renew_base=True)
    assert renewed.image == one.image  # Debian has been the same for these minutes
    # The usual one is as old as its base: the same image if, and only if, Debian gave the same packages.
    assert (one.image == built.image) == (_purls(one.sbom) == _purls(built.sbom))


@pytest.mark.parametrize("backend", ["buildah", "podman"])
def test_each_engine_logs_in_and_keeps_the_digest(
    backend: str, private: Private, bento: BentoTag, built: station.Built, caplog: pytest.LogCaptureFixture
) -> None:
    """Pushed anew to another repository it has the same digest, and no log shows the password."""
    tool(backend, backend)
    caplog.set_level(logging.DEBUG)
    found = station.build(configured(private, backend=backend, repository=f"by/{backend}"), bento, "")
    assert (found.backend, found.image.digest) == (backend, built.image.digest)
    assert private.get(f"by/{backend}/manifests/{found.image.digest}")[0] == 200
    assert "manifest push" in caplog.text
    for secret in (PASSWORD, json.loads(private.auth.read_text())["auths"][private.host]["auth"]):
        assert secret not in caplog.text


def _machines(private: Private, repository: str, manifest: str, folder: Path) -> dict[str, set[int]]:
    """`e_machine` of the programs and shared libraries of an image, by layer, from the registry's blobs."""
    found: dict[str, set[int]] = {}
    for layer in json.loads(private.get(f"{repository}/manifests/{manifest}")[1])["layers"]:
        blob = folder / layer["digest"].replace(":", "-")
        blob.write_bytes(private.get(f"{repository}/blobs/{layer['digest']}")[1])
        with tarfile.open(blob) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None and (head := content.read(20)).startswith(b"\x7fELF"):
                    place = member.name.rpartition("/")[0].partition("/")[0]
                    found.setdefault(place, set()).add(int.from_bytes(head[18:20], "little"))
    return found


@pytest.mark.parametrize("backend", ["buildah", "podman"])
def test_two_platforms_are_one_index(
    backend: str, private: Private, bento: BentoTag, built: station.Built, tmp_path: Path
) -> None:
    """One manifest per platform, known before it is pushed; that of amd64 is the one-platform image's."""
    tool(backend, backend)
    both = ("linux/amd64", "linux/arm64")
    repository = f"two/{backend}"
    found = station.build(
        configured(private, platforms=both, backend=backend, repository=repository), bento, ""
    )
    status, body, digest = private.get(f"{repository}/manifests/{found.image.digest}")
    assert (status, digest) == (200, found.image.digest)
    index = {each["platform"]["architecture"]: each["digest"] for each in json.loads(body)["manifests"]}
    assert index == {"amd64": built.image.digest, "arm64": found.platforms[1].digest}
    assert [each.platform for each in found.platforms] == list(both)
    # Source of the numbers: /usr/include/elf.h, EM_X86_64 and EM_AARCH64.
    assert _machines(private, repository, index["amd64"], tmp_path) == {"lib": {62}, "usr": {62}, "opt": {62}}
    assert _machines(private, repository, index["arm64"], tmp_path) == {
        "lib": {183},
        "usr": {183},
        "opt": {183},
    }
    config_digest = json.loads(private.get(f"{repository}/manifests/{index['arm64']}")[1])["config"]["digest"]
    assert json.loads(private.get(f"{repository}/blobs/{config_digest}")[1])["architecture"] == "arm64"
    seen = finding.inspect(str(found.image), configured(private).image)
    assert [(each.platform, each.digest) for each in (seen, *seen.others)] == [
        ("linux/amd64", index["amd64"]),
        ("linux/arm64", index["arm64"]),
    ]


def test_a_registry_that_refuses_us_is_named_with_its_remedy(
    private: Private, bento: BentoTag, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong password, none, no CA, plain HTTP, nobody there: said before anything is built."""
    wrong, nobody = tmp_path / "wrong.json", tmp_path / "nobody.json"
    packed_wrong = base64.b64encode(f"{USER}:wrong-password".encode()).decode()
    wrong.write_text(json.dumps({"auths": {private.host: {"auth": packed_wrong}}}))
    nobody.write_text("{}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = f"127.0.0.1:{free.getsockname()[1]}"
        cases: list[tuple[dict[str, Any], type[Exception], str, str]] = [
            ({"auth_file": str(wrong)}, ConfigError, f"user '{USER}'", "image.auth_file"),
            ({"auth_file": str(nobody)}, ConfigError, "nobody", "image.auth_file"),
            ({"ca_file": "/etc/ssl/certs/ca-certificates.crt"}, ConfigError, "certificate", "image.ca_file"),
            ({"ca_file": ""}, ConfigError, "plain HTTP", "image.ca_file"),
            ({"registry": down}, ToolError, down, "start it"),
        ]
        for fields, kind, says, remedy in cases:
            with pytest.raises(kind) as found:
                station.build(configured(private, **fields), bento, "")
            assert says in str(found.value), fields
            assert remedy in getattr(found.value, "remedy", ""), fields
            assert "wrong-password" not in f"{found.value}{caplog.text}"


def test_a_named_base_is_fetched_and_carries_the_image(
    private: Private, bento: BentoTag, built: station.Built
) -> None:
    """Its layers come first, unchanged; its Python runs the pod; ours are stacked on top."""
    base = f"{built.image.repository}@{built.image.digest}"
    fields = {"base": base, "repository": "on/base", "budget_megabytes": None}  # all packages are in it twice
    found = station.build(configured(private, **fields), bento, "")
    below = len(built.layers)
    assert [layer.digest for layer in found.layers[:below]] == [layer.digest for layer in built.layers]
    assert [layer.name for layer in found.layers[below:]] == [
        "core",
        "onnx",
        "explain",
        "ekiben",
        "bento",
        "model",
    ]
    _, body, _ = private.get(f"on/base/manifests/{found.image.digest}")
    digest = json.loads(body)["config"]["digest"]
    image = json.loads(private.get(f"on/base/blobs/{digest}")[1])
    assert image["config"]["Entrypoint"] == ["/usr/bin/python3.11", "-m", "ekiben.serving"]
    assert len(image["rootfs"]["diff_ids"]) == len(found.layers)


def test_a_base_without_the_right_python_is_refused(
    private: Private, bento: BentoTag, tmp_path: Path
) -> None:
    """The error names the base, what it lacks, and what to do; nothing is pushed."""
    store = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    (tmp_path / "python3.12").write_text("")
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY python3.12 /usr/bin/python3.12\n")
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    shutil.copyfile(private.ca, certificates / "ca.crt")
    base = f"{private.host}/bases/other:1"
    buildah = tool("buildah", "buildah")
    for argv in (
        ["bud", "--isolation", "chroot", "--tag", base, str(tmp_path)],
        ["push", "--authfile", str(private.auth), "--cert-dir", str(certificates), base],
    ):
        subprocess.run([buildah, *store, *argv], check=True, capture_output=True)
    with pytest.raises(ConfigError, match=r"3\.11.*bases/other:1.*python3\.12") as found:
        station.build(configured(private, base=base, repository="on/other"), bento, "")
    assert "image.base" in found.value.remedy
    assert private.get("on/other/tags/list")[0] == 404
