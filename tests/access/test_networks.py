"""The network of a request: its own address, or the one that a trusted proxy names."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from access.networks.reads import _warn_of_missing_header, network_of
from annotation_site import limits as site_limits


@pytest.fixture
def network(rf, settings):
    """Return the network of a request from `sender`, with this header, behind these proxies."""

    def find(sender: str, forwarded: str | None = None, *, proxies: str = "", header: str = "X-Forwarded-For") -> str:
        settings.TRUSTED_PROXIES = [ip_network(word) for word in proxies.split()]
        settings.CLIENT_ADDRESS_HEADER = header
        headers = {} if forwarded is None else {header: forwarded}
        return network_of(rf.get("/", REMOTE_ADDR=sender, headers=headers))

    return find


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/56"),
        ("2001:db8:1:ff:3:4:5:6", "2001:db8:1::/56"),
        ("2001:db8:1:100::1", "2001:db8:1:100::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_everybody_has_a_network_this_machine_too(network, sender, expected):
    assert network(sender) == expected


def test_the_header_of_a_stranger_is_ignored(network):
    assert network("198.51.100.7", "203.0.113.1") == "198.51.100.7"
    assert network("198.51.100.7", "203.0.113.1", proxies="10.0.0.0/8") == "198.51.100.7"
    assert network("127.0.0.1", "203.0.113.1") == "127.0.0.1"


def test_the_right_most_entry_that_is_no_proxy_counts(network):
    # What the sender wrote in front of it proves nothing.
    assert network("10.0.0.1", "192.0.2.9, 203.0.113.1", proxies="10.0.0.0/8") == "203.0.113.1"
    assert network("10.0.0.1", "192.0.2.9, 203.0.113.1, 10.2.3.4", proxies="10.0.0.0/8") == "203.0.113.1"
    # The proxy 10.9.9.9 is not this site's: what it names is not believed.
    assert network("10.0.0.1", "203.0.113.1, 10.9.9.9", proxies="10.0.0.1") == "10.9.9.9"
    assert network("::ffff:10.0.0.1", "203.0.113.1", proxies="10.0.0.0/8") == "203.0.113.1"
    assert network("2001:db8::5", "203.0.113.1", proxies="2001:db8::/32 10.0.0.0/8") == "203.0.113.1"


def test_another_header_can_name_the_address(network):
    assert network("10.0.0.1", "203.0.113.1", proxies="10.0.0.1", header="X-Real-IP") == "203.0.113.1"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("203.0.113.1:4711", "203.0.113.1"),
        ("[2001:db8::9]:4711", "2001:db8::/56"),
        ("[2001:db8::9]", "2001:db8::/56"),
        (" 203.0.113.1 ", "203.0.113.1"),
    ],
)
def test_an_entry_may_have_a_port(network, entry, expected):
    assert network("10.0.0.1", f"192.0.2.9,{entry}", proxies="10.0.0.1") == expected


@pytest.mark.parametrize("forwarded", [None, "", "unknown", "203.0.113.1, unknown", ",", "x" * 5000, "\u2603"])
def test_an_unreadable_entry_leaves_the_proxy_itself_and_never_nobody(network, forwarded):
    assert network("10.0.0.1", forwarded, proxies="10.0.0.1") == "10.0.0.1"


def test_a_chain_of_proxies_alone_ends_at_the_first(network):
    assert network("10.0.0.1", "10.0.0.3, 10.0.0.2", proxies="10.0.0.0/8") == "10.0.0.3"


def test_behind_a_tls_proxy_alone_its_own_entry_counts_as_ever(network, settings):
    settings.BEHIND_TLS_PROXY = True
    assert network("172.18.0.1", "192.0.2.9, 203.0.113.1") == "203.0.113.1"
    assert network("", "192.0.2.9, 203.0.113.1") == "203.0.113.1", "over a Unix socket"
    assert network("172.18.0.1") == "172.18.0.1"
    # Named proxies are the only ones.
    assert network("198.51.100.7", "203.0.113.1", proxies="10.0.0.0/8") == "198.51.100.7"


def test_a_misspelt_proxy_stops_the_start(monkeypatch):
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1,10.0.0.1/8")
    with pytest.raises(ImproperlyConfigured, match="^TRUSTED_PROXIES: .*10.0.0.1/8.*such as 10.0.0.5,172.16.0.0/12"):
        site_limits.trusted_proxies()


def test_a_proxy_that_names_nobody_is_warned_of_once(network, caplog):
    _warn_of_missing_header.cache_clear()
    for _ in range(3):
        network("10.0.0.1", proxies="10.0.0.1")
        network("198.51.100.7", proxies="10.0.0.1")
    assert [record.message for record in caplog.records] == [
        "The proxy in front sends no X-Forwarded-For, so all people count as one network."
    ]
