"""The image's documents, against what the OCI specification demands."""

from __future__ import annotations

import hashlib
import json

from ekiben.image import layout
from ekiben.image.layer import Layer

LAYERS = [
    Layer("base", "sha256:" + "1" * 64, "sha256:" + "a" * 64, 10, 100),
    Layer("model", "sha256:" + "2" * 64, "sha256:" + "b" * 64, 20, 200),
]
PROGRAM = layout.Program(
    ["/usr/bin/python3", "-m", "ekiben.serving"], {"B": "2", "A": "1"}, {"title": "iris"}
)


def test_the_configuration_runs_as_a_number_and_lists_the_layers_in_order() -> None:
    """User is numeric, entry point and environment are ours, one history line per layer."""
    found = json.loads(layout.configuration(PROGRAM, LAYERS))
    assert found["config"]["User"] == "10001:10001"
    assert found["config"]["Entrypoint"] == ["/usr/bin/python3", "-m", "ekiben.serving"]
    assert found["config"]["Env"] == ["A=1", "B=2"]
    assert found["rootfs"] == {"type": "layers", "diff_ids": ["sha256:" + "a" * 64, "sha256:" + "b" * 64]}
    assert len(found["history"]) == len(LAYERS)
    assert (found["os"], found["architecture"]) == ("linux", "amd64")


def test_a_given_base_keeps_its_history() -> None:
    """Lines of the base that made no layer are not counted as layers."""
    history: list[dict[str, object]] = [{"created_by": "FROM"}, {"created_by": "ENV", "empty_layer": True}]
    found = json.loads(layout.configuration(PROGRAM, LAYERS, history))
    assert [line.get("created_by") for line in found["history"]] == ["FROM", "ENV", "ekiben: model"]


def test_the_manifest_names_blobs_with_their_sizes() -> None:
    """Digest, size and media type of each layer, oldest first."""
    found = json.loads(layout.manifest("sha256:" + "c" * 64, 7, LAYERS, {}))
    assert found["schemaVersion"] == 2
    assert found["config"]["size"] == 7
    assert [(part["digest"][-1], part["size"]) for part in found["layers"]] == [("1", 10), ("2", 20)]
    assert {part["mediaType"] for part in found["layers"]} == {"application/vnd.oci.image.layer.v1.tar+gzip"}


def test_documents_carry_no_time() -> None:
    """Made twice they are the same bytes, and every date is the epoch."""
    once, again = (layout.configuration(PROGRAM, LAYERS) for _ in range(2))
    assert once == again
    assert json.loads(once)["created"] == "1970-01-01T00:00:00Z"
    assert {line["created"] for line in json.loads(once)["history"]} == {"1970-01-01T00:00:00Z"}


def test_an_index_is_written_as_the_engines_write_it() -> None:
    """The bytes that buildah 1.28 and podman 4.3 pushed for two manifests: the digest is known before."""
    pushed = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":['
        '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:969b77dc7964a1b6ebac6fed'
        '894f5fb0d4f174c5efcac88b1439dccb5124347c","size":424,"platform":{"architecture":"amd64","os":"linux"}},'
        '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:3b930dc9b5ece6bb631241de'
        '73fcc577dd683b367e9c48d02ab1315c55726e69","size":424,"platform":{"architecture":"arm64","os":"linux"}}]}'
    )
    made = layout.image_index(
        [
            ("sha256:969b77dc7964a1b6ebac6fed894f5fb0d4f174c5efcac88b1439dccb5124347c", 424, "amd64"),
            ("sha256:3b930dc9b5ece6bb631241de73fcc577dd683b367e9c48d02ab1315c55726e69", 424, "arm64"),
        ]
    )
    assert made.decode() == pushed
    digest = "71a195557b159b6191ad1f80b32e0bfbb948941a69afa36d6b1ab8354b01ee20"  # what the registry said
    assert hashlib.sha256(made).hexdigest() == digest


def test_docker_finds_the_same_blobs() -> None:
    """`manifest.json` points into the layout's own folder of blobs."""
    (found,) = json.loads(layout.docker_archive("sha256:" + "c" * 64, LAYERS, "host/repo:tag"))
    assert found["Config"] == "blobs/sha256/" + "c" * 64
    assert found["Layers"] == ["blobs/sha256/" + "1" * 64, "blobs/sha256/" + "2" * 64]
    assert found["RepoTags"] == ["host/repo:tag"]
