from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ekiben.ground import addresses, certificates

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return certificates.of_cluster(addresses.at(3), "ekiben-x", NOW)


def _load(files: dict[str, bytes], name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files[f"{name}.crt"])


def test_every_key_belongs_to_its_certificate(files: dict[str, bytes]) -> None:
    """A certificate and the key beside it are halves of one pair."""
    names = [name.removesuffix(".crt") for name in files if name.endswith(".crt")]
    assert len(names) >= 12
    for name in names:
        key = load_pem_private_key(files[f"{name}.key"], None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.public_key() == _load(files, name).public_key()


@pytest.mark.parametrize(
    ("name", "signer"),
    [
        ("apiserver", "ca"),
        ("admin", "ca"),
        ("kubelet", "ca"),
        ("node", "ca"),
        ("front-proxy-client", "front-proxy-ca"),
        ("etcd-server", "etcd-ca"),
        ("etcd-client", "etcd-ca"),
    ],
)
def test_each_certificate_is_signed_by_its_own_authority(
    files: dict[str, bytes], name: str, signer: str
) -> None:
    """The store and the front proxy trust other authorities than the cluster's users do."""
    _load(files, name).verify_directly_issued_by(_load(files, signer))


def test_the_kubelet_is_the_user_that_the_node_authorizer_knows(files: dict[str, bytes]) -> None:
    """The kubelet's subject is what Kubernetes' documentation asks for."""
    subject = _load(files, "kubelet").subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:ekiben-x"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"


def test_the_api_server_answers_to_all_its_names(files: dict[str, bytes]) -> None:
    """Pods, the machine and the node itself reach it under names that its certificate has."""
    names = _load(files, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = names.get_values_for_type(x509.DNSName)
    ips = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert {"kubernetes.default.svc", "localhost"} <= set(hosts)
    assert {"10.96.3.1", "10.97.3.2", "127.0.0.1"} <= set(ips)


def test_a_client_cannot_pose_as_a_server(files: dict[str, bytes]) -> None:
    """Only what listens may serve."""
    usage = _load(files, "admin").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_certificates_are_valid_now_and_for_years(files: dict[str, bytes]) -> None:
    """A clock that is a little behind, and a cluster that lives long, both work."""
    certificate = _load(files, "apiserver")
    assert certificate.not_valid_before_utc < NOW
    assert (certificate.not_valid_after_utc - NOW).days > 3600
