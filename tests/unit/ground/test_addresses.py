from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from ekiben.errors import ClusterError
from ekiben.ground import addresses


def test_the_first_place_has_the_documented_addresses() -> None:
    """The first cluster is where the documentation says."""
    first = addresses.at(0)
    assert str(first.pods) == "10.244.0.0/24"
    assert str(first.services) == "10.96.0.0/24"
    assert (str(first.machine), str(first.node)) == ("10.97.0.1", "10.97.0.2")
    assert (str(first.kubernetes), str(first.dns)) == ("10.96.0.1", "10.96.0.10")
    assert first.device == "ekiben0"


def test_no_two_places_share_an_address() -> None:
    """Clusters side by side never overlap, whatever their places."""
    every = [network for index in range(addresses.COUNT) for network in addresses.at(index).networks]
    assert not [pair for pair in combinations(every, 2) if pair[0].overlaps(pair[1])]


def test_every_device_name_fits_the_kernel() -> None:
    """A device's name has at most 15 characters."""
    assert max(len(addresses.at(index).device) for index in range(addresses.COUNT)) <= 15


def test_a_cluster_takes_the_first_place_that_is_free() -> None:
    """Places of other clusters and of the machine's routes are skipped."""
    taken = [(IPv4Network("10.96.1.128/25"), "the route 10.96.1.128/25 on device tun0")]
    assert addresses.choose(taken, {0: "local"}).index == 2


def test_a_network_that_owns_all_of_ten_moves_the_cluster_to_another_range() -> None:
    """Where a VPN routes 10.0.0.0/8, the cluster lives elsewhere."""
    chosen = addresses.choose([(IPv4Network("10.0.0.0/8"), "the VPN")], {})
    assert not any(network.overlaps(IPv4Network("10.0.0.0/8")) for network in chosen.networks)


def test_when_everything_is_taken_the_error_says_by_whom() -> None:
    """No free subnet: the message names each holder."""
    taken = [(IPv4Network("0.0.0.0/1"), "route A"), (IPv4Network("128.0.0.0/1"), "route B")]
    with pytest.raises(ClusterError, match=r"cluster 'other'.*route A.*route B"):
        addresses.choose(taken, {0: "other"})


def test_routes_are_read_without_default_and_loopback() -> None:
    """What `ip -json route` prints becomes networks with their holders."""
    rows = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "10.1.0.0/16", "dev": "tun0"},
        {"type": "local", "dst": "192.0.2.2", "dev": "eth0"},
        {"type": "broadcast", "dst": "192.0.2.255", "dev": "eth0"},
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo"},
    ]
    found = addresses.parse_routes(rows)
    assert [str(network) for network, _ in found] == ["10.1.0.0/16", "192.0.2.2/32"]
    assert found[0][1] == "the route 10.1.0.0/16 on device tun0"
