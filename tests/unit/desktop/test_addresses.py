"""An address opens as it was judged: no spelling of it leads a browser elsewhere."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.desktop import addresses
from sesh.desktop.addresses import MAX_BYTES, Address, Loopback, is_loopback, parse
from sesh.errors import Malformed

HERE = (
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0X7F.1", "0x7f.0x0.0x0.0x1",
    "017700000001", "0177.0.0.01", "0.0.0", "0", "00", "0x", "0.1", "127.0.0.1.", "[::1]", "[::]", "[0:0::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::FFFF:0.0.0.0]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "localhost.", "x.localhost", "a.b.LocalHost.",
    "%6c%6f%63alhost", "%31%32%37.1", "loc%c2%adalhost", "１２７.0.0.1", "127。0。0。1", "127｡1", "ⓛocalhost",
    "ip6-localhost", "localhost.localdomain",
)  # fmt: skip
ELSEWHERE = ("example.org", "128.0.0.1", "10.0.0.1", "[fe80::1]", "[2001:db8::127]", "localhost.example.org",
             "alocalhost", "127.0.0.1.example.org", "straße.de", "gpu")  # fmt: skip
LOGIN = "https://auth.example.org/authorize?client_id=a&redirect_uri={}&state=x"


def refusal(text: str) -> str:
    with pytest.raises(Malformed) as caught:
        parse(text)
    return str(caught.value)


def is_carried(address: Address) -> bool:
    """Tell whether an address leads to loopback on a port that can be carried."""
    return any(port.own for port in address.ports)


@pytest.mark.parametrize("host", HERE)
def test_loopback_in_any_spelling_is_found(host: str) -> None:
    address = parse(f"http://{host}:8000/a?b#c")
    assert address.is_here
    assert is_carried(address)
    assert address.ports == (Loopback(8000, tls=False, own=True),)
    assert is_loopback(host)
    assert not is_carried(parse(f"http://{host}/"))  # port 80


@pytest.mark.parametrize("host", HERE)
def test_loopback_opens_where_the_listener_is(host: str) -> None:
    name = urlsplit(parse(f"http://{host}:8000").opened).hostname or ""
    assert name in ("127.0.0.1", "::1", "localhost") or name.endswith(".localhost")


@pytest.mark.parametrize("host", ELSEWHERE)
def test_another_host_is_not_loopback(host: str) -> None:
    address = parse(f"https://{host}:8443/")
    assert not address.is_here
    assert not is_carried(address)
    assert address.ports == ()
    assert not is_loopback(host)


def test_a_further_name_of_this_machine_counts_as_loopback() -> None:
    assert not parse("http://laptop:8888/?token=a").is_here
    assert parse("http://Laptop.:8888/?token=a", ("laptop",)).opened == "http://localhost:8888/?token=a"


@pytest.mark.parametrize(
    "text",
    [
        "", "-h", "--new-window", "file:///etc/passwd", "javascript:alert(1)", "vscode://x", "mailto:a@b.c",
        "example.org", "/etc/passwd", "//example.org", "http:", "http://", "http:/127.0.0.1/", "http:127.0.0.1",
        "http:///127.0.0.1/",
        "http:\\\\127.0.0.1\\", "http://a\\@127.0.0.1/", "http://a/b\\c", " http://a/", "http://a/ ", "http://a/b c",
        "http://a/\tb", "http://a/\n", "http://a/\x1b[0m", "http://a/\x7f", "http://a/\x9b0m", "http://a/\u2028",
        "http://a/\u202e", "http://a/\xa0", "http://a/\udc80", "http://user@a/", "http://user:word@a/", "http://a@/",
        "http://%40a/", "http://a%00b/", "http://a%2fb/", "http://a%20b/", "http://[::1/", "http://[fe80::1%25lo]/",
        "http://[1.2.3.4]/", "http://::1/", "http://08.1/", "http://1.2.3.4.5/", "http://256.1.1.1/",
        "http://4294967296/", "http://a..b/", "http://.a/", "http://a:65536/", "http://a:99999999999/", "http://a:8o/",
        "http://a:١/", "http://xn--localhost-/", "http://xn--a/", f"http://{'a' * 64}/", f"http://{'a.' * 200}b/",
        f"http://{'9' * 5000}/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_page_is_refused(text: str) -> None:
    assert refusal(text).startswith("it")


def test_an_address_has_at_most_8_kib() -> None:
    fits = "http://a/".ljust(MAX_BYTES, "b")
    assert parse(fits).opened == fits
    assert "longer" in refusal(fits + "b")
    assert "longer" in refusal("http://a/" + "ä" * (MAX_BYTES // 3))
    assert "longer" in refusal("http://a/" + "b" * (1 << 20))


@pytest.mark.parametrize(
    ("value", "port", "tls"),
    [
        ("http://localhost:1455/auth/callback", 1455, False),
        ("http://127.0.0.1:43361/oauth2callback", 43361, False),
        ("http://localhost:8085/", 8085, False),
        ("http://localhost:8976", 8976, False),
        ("https://[::1]:3118/callback", 3118, True),
    ],
)
def test_the_port_of_a_login_is_in_a_value_of_its_query(value: str, port: int, tls: bool) -> None:
    for written in (value, quote(value, safe="")):
        address = parse(LOGIN.format(written))
        assert address.opened == LOGIN.format(written)
        assert address.ports == (Loopback(port, tls=tls, own=False),)
        assert not address.is_here


@pytest.mark.parametrize(
    "value",
    ["http://localhost/", "http://localhost:80/", "http://localhost:1023/", "http://example.org:1455/",
     "http://a@localhost:1455/", "http://localhost:1455@example.org/", "localhost:1455", "urn:ietf:wg:oauth:2.0:oob",
     "see http://localhost:1455/", "http://localhost:0/"],
)  # fmt: skip
def test_a_value_that_names_no_port_to_carry_is_passed_over(value: str) -> None:
    assert parse(LOGIN.format(quote(value, safe=""))).ports == ()


def test_what_is_not_in_the_query_names_no_port() -> None:
    assert parse("https://a/http://localhost:1455/#redirect_uri=http://localhost:1456/").ports == ()


def test_at_most_two_ports_are_carried_first_the_own_one() -> None:
    address = parse(
        "http://127.0.0.1:53682/auth?a=http://localhost:2000/&b=http://localhost:2000/&c=http://localhost:2001/"
    )
    assert address.ports == (Loopback(53682, tls=False, own=True), Loopback(2000, tls=False, own=False))
    address = parse(LOGIN.format("http://localhost:53682&b=http://[::1]:1&c=http://[::]:2000"))
    assert [port.port for port in address.ports] == [53682, 2000]


def test_what_stands_behind_the_host_opens_as_it_is_but_for_characters_of_no_address() -> None:
    kept = "https://a.b/x;y/~z/%20%2f?q=1&r[]=a+b&s='(*)!$,:@#f/?#g"
    assert parse(kept).opened == kept
    assert parse('https://a/ä?"<>`{|}^\\#ä').opened == "https://a/%C3%A4?%22%3C%3E%60%7B%7C%7D%5E%5C#%C3%A4"
    assert parse("HTTPS://Straße.DE:443?a").opened == "https://xn--strae-oqa.de/?a"


_PARTS = st.sampled_from(
    ["http://", "https://", "HTTP://", "localhost", "127.1", "0x7f.1", "[::1]", "a.b", ":", ":8000", "@", "/", "\\",
     "?", "#", "&", "=", "%", "%40", "%2f", "%5c", "%00", "redirect_uri=", "http%3A%2F%2Flocalhost%3A1455", "xn--",
     "。", "١", "ß"]
)  # fmt: skip
_TEXTS = st.lists(_PARTS | st.text(max_size=4), max_size=9).map("".join)


def checked(text: str) -> Address | None:
    try:
        return parse(text)
    except Malformed:
        return None


@given(_TEXTS | _TEXTS.map("http://".__add__) | st.text())
def test_an_address_that_is_accepted_leads_where_it_was_judged(text: str) -> None:
    if (address := checked(text)) is None:
        return
    opened = address.opened
    assert opened.isascii()
    assert opened.isprintable()
    assert len(opened) <= MAX_BYTES
    assert not {*opened} & {*' "<>\\^`{|}'}
    assert parse(opened) == address  # judged again, it is the same
    parts = urlsplit(opened)
    assert parts.scheme in ("http", "https")
    assert parts.username is None
    assert parts.hostname == address.host.strip("[]")
    assert len(address.ports) <= 2
    assert all(1024 <= port.port <= 65535 for port in address.ports)
    assert address.is_here or not is_carried(address)


@given(st.integers(0, 2**32 - 1), st.sampled_from([str, hex, lambda number: f"0{number:o}"]))
def test_an_ipv4_address_is_read_as_one_number_too(number: int, form: object) -> None:
    assert callable(form)
    assert is_loopback(form(number)) == (number >> 24 in (0, 127))


@pytest.mark.parametrize(
    "address",
    [
        f"http://{''.join(map(chr, range(0x4E00, 0x4E00 + 2600)))}/",
        f"http://{'ﷺ' * 2600}/",
        f"http://a{''.join(chr(0x300 + number % 0x60) for number in range(4000))}/",
        "http://a/?" + "&".join(f"a=http://1.1.1.{number}" for number in range(400)),
        "http://a/?" + "&".join(f"a=http://{chr(0x4E00 + number)}" for number in range(500)),
    ],
    ids=["ideographs", "ligatures", "marks", "values", "names"],
)
def test_no_address_holds_up_a_loop(address: str) -> None:
    begun = time.process_time()
    checked(address)
    assert time.process_time() - begun < 0.03


@pytest.mark.parametrize(
    ("resolved", "leads"),
    [
        (["127.0.0.1"], True),
        (["192.0.2.1", "127.0.0.2"], True),
        (["::1"], True),
        (["::ffff:127.0.0.1"], True),
        (["0.0.0.0"], True),  # noqa: S104
        (["fe80::1%eth0", "192.0.2.1"], False),
        ([], False),
    ],
)
def test_a_name_leads_here_if_one_of_its_addresses_is_loopback(
    resolved: list[str], leads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        if not resolved:
            raise socket.gaierror("Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in resolved]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert addresses.leads_here("localtest.me") is leads


def test_a_resolver_that_does_not_answer_holds_up_no_page_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(addresses, "LOOKUP_TIME", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [] * answered.wait(20))
    assert not addresses.leads_here("example.org")
    answered.set()
