"""Addresses to which a HIT may lead a browser: a deployed marketplace leads to no worker's own machine or network."""

import pytest

from marketplace.errors import BadParameter
from marketplace.questions import NAMESPACE, check_question
from marketplace.task_addresses import is_task_address

DEPLOYED, LOCAL, INTRANET = "https://work.example.org", "http://127.0.0.1:8100", "https://10.1.2.3"
LOOPBACK = [
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.b.localhost.",
        "localhost.localdomain",
        "ip6-localhost",
    ),
    *("127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "0x7f000001", "0x7f.1", "0177.0.0.1"),
    *("2130706433", "017700000001", "0.0.0.0", "0", "0x0", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::127.0.0.1]"),
    *(
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "１２７.0.0.1",
        "127。0。0。1",
    ),
    *("ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",),
]
PRIVATE = [
    *("10.0.0.1", "10.1", "0xa000001", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "[fe80::1]"),
    *("[fd00::1]", "[::ffff:192.168.1.1]", "224.0.0.1", "255.255.255.255", "192.0.2.1", "[ff02::1]", "[2002:a00:1::]"),
]
UNREADABLE = [
    *(
        "",
        "[",
        "[::1",
        "[::1%25lo]",
        "[v1.a]",
        "%31%32%37.0.0.1",
        "127.0.0.1%2f",
        "a b",
        "a\\b",
        "1.2.3.4.5",
        "256.1.1.1",
    ),
    *("127.0.0.1.0x", "a..b", ".localhost", "lab.example:99999", "lab.example:x", "a\x00b", "a\tb", "a\ud800b"),
]
PUBLIC = [
    "lab.example",
    "LAB.example.",
    "localhost.example",
    "notlocalhost",
    "8.8.8.8",
    "[2606:4700::1111]",
    "münchen.example",
]


def is_allowed(host: str, origin: str, scheme: str = "https") -> bool:
    return is_task_address(f"{scheme}://{host}/grid?a=1", origin=origin)


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_for_a_marketplace_on_loopback(host):
    assert not any(is_allowed(host, origin, scheme) for origin in (DEPLOYED, INTRANET) for scheme in ("http", "https"))
    assert is_allowed(host, LOCAL)


@pytest.mark.parametrize("host", PRIVATE)
def test_private_networks_are_for_a_marketplace_on_one(host):
    assert not is_allowed(host, DEPLOYED)
    assert is_allowed(host, INTRANET) and is_allowed(host, LOCAL)
    assert not is_allowed(host, INTRANET, "http") and not is_allowed(host, LOCAL, "http")


@pytest.mark.parametrize("host", UNREADABLE)
def test_what_browsers_read_in_their_own_way_is_for_nobody(host):
    assert not any(is_allowed(host, origin) for origin in (DEPLOYED, INTRANET, LOCAL))


@pytest.mark.parametrize("host", PUBLIC)
def test_the_internet_is_for_everybody_over_https(host):
    assert all(is_allowed(host, origin) for origin in (DEPLOYED, INTRANET, LOCAL))
    assert not any(is_allowed(host, origin, "http") for origin in (DEPLOYED, INTRANET, LOCAL))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_plain_http_stays_on_this_machine(host):
    assert is_allowed(host, LOCAL, "http") and not is_allowed(host, DEPLOYED, "http")


@pytest.mark.parametrize(
    "url", ["//lab.example", "ftp://lab.example", "javascript:alert(1)", "lab.example", "https:/a"]
)
def test_other_schemes_are_for_nobody(url):
    assert not is_task_address(url, origin=LOCAL)


def question(url: str) -> str:
    return (
        f'<ExternalQuestion xmlns="{NAMESPACE}"><ExternalURL>{url}</ExternalURL><FrameHeight>0</FrameHeight>'
        "</ExternalQuestion>"
    )


def test_the_question_of_a_hit_is_held_to_it(settings):
    check_question(question("http://localhost:8000/grid"))
    settings.ORIGIN = DEPLOYED
    for url in ("http://localhost:8000/grid", "https://127.1/grid", "https://evil@127.0.0.1/"):
        with pytest.raises(BadParameter, match="HTTPS protocol"):
            check_question(question(url))
    check_question(question("https://lab.example/grid"))
