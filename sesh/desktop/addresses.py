"""Addresses that a program asks to open: which are accepted, what is opened, and which loopback ports they name.

A browser reads more spellings of a host than RFC 3986 has (https://url.spec.whatwg.org/#host-parsing): numbers of
other bases and of fewer parts, percent-encoded and full-width characters. So a host is first brought into the form to
which a browser brings it. That form is judged, and that form is opened; what cannot be brought into it is refused.
"""

from __future__ import annotations

import re
import socket
import threading
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import islice
from typing import Optional
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from sesh.errors import Malformed

MAX_BYTES = 8 << 10
"""The longest address that is accepted, as it comes and as it is opened."""
MAX_PORTS = 2
LOOKUP_TIME = 5.0
"""Seconds for the resolver. Where it answers nothing, as behind a proxy, a browser may find the host all the same."""
LOWEST_PORT = 1024
"""Ports below it belong to root."""

# A browser takes a backslash for a slash; no program has one before the query.
_ADDRESS = re.compile(r"(https?)://([^/?#\\]+)(/[^?#\\]*)?(\?[^#]*)?(#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::([0-9]*))?")
_MAX_LABEL = 63  # characters of a part of a name
_MAX_HOST = 1000  # characters of a host as it comes; 253 are left of a name
_MAX_VALUES = 20  # values of a query that are looked at, if they are addresses
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_IGNORED = re.compile("[\xad\u034f\u180b-\u180d\u200b-\u200d\u2060\u2064\ufe00-\ufe0f\ufeff]")
"""Characters of a host that a browser drops."""
_KEPT = "!$%&'()*+,-./:;=?@_~#[]"
"""Besides letters and digits, the characters behind the host that are opened as they are; a fragment's # once."""
_HERE_V4 = (IPv4Network("127.0.0.0/8"), IPv4Network("0.0.0.0/8"))
_WITHIN_V6 = (IPv6Network("::/96"), IPv6Network("::ffff:0:0/96"), IPv6Network("::ffff:0:0:0/96"),
              IPv6Network("64:ff9b::/96"))  # fmt: skip
"""The addresses whose last four bytes are an IPv4 address."""
_HERE_NAMES = frozenset((
    "ip6-localhost", "ip6-loopback", "localhost4", "localhost6", "localhost.localdomain", "localhost4.localdomain4",
    "localhost6.localdomain6", "loopback",
))  # fmt: skip
"""Names besides localhost that systems have for loopback (/etc/hosts)."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Loopback:
    """A loopback port that an address names.

    `tls`: it is named by an https address. `own`: it is where the address itself leads, not a value of its query.
    """

    port: int
    tls: bool
    own: bool


@dataclass(frozen=True)
class Address:
    """An address that may be opened.

    `opened`: the text for the browser, printable ASCII. `host`: its host, as a browser reads it. `is_here`: the host is
    loopback, so it may be opened only if its port is carried. `ports`: the loopback ports to carry, at most two.
    """

    opened: str
    host: str
    is_here: bool
    ports: tuple[Loopback, ...]


def parse(text: str, names: Collection[str] = ()) -> Address:
    """Return the address that a text is. Raises Malformed, whose text says why it is not opened.

    `names`: further names of this machine, which count as loopback.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Malformed(f"it is longer than {MAX_BYTES:,} bytes")
    if not text.isprintable() or any(character.isspace() for character in text):
        raise Malformed("it holds a blank or a control character")
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise Malformed("it is no address of http or https")
    scheme, authority, path, query, fragment = (part or "" for part in found.groups())
    scheme = scheme.lower()
    host, port = _split(authority, scheme)
    is_here = _is_here(host, names)
    shown = _carried_host(host) if is_here else host
    suffix = f":{port}" if port != _DEFAULT_PORTS[scheme] else ""
    opened = f"{scheme}://{shown}{suffix}{_quoted(path) or '/'}{_quoted(query)}{_quoted(fragment)}"
    if len(opened) > MAX_BYTES:
        raise Malformed(f"it is longer than {MAX_BYTES:,} bytes")
    own = [Loopback(port, scheme == "https", own=True)] if is_here else []
    return Address(opened, shown, is_here, _chosen([*own, *_in_query(query[1:])]))


def is_loopback(host: str, names: Collection[str] = ()) -> bool:
    """Return whether a host, in any spelling that a browser takes, is loopback. `names`: as of `parse`."""
    try:
        return _is_here(_host(host), names)
    except Malformed:
        return False


def leads_here(host: str) -> bool:
    """Return whether the system's resolver leads a name to loopback; False if it takes long. Blocks for a while.

    Names such as localtest.me are anybody's to choose. One that leads elsewhere a moment later is not noticed.
    """
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(_resolves_here(host)), daemon=True)
    thread.start()
    thread.join(LOOKUP_TIME)
    return found == [True]


def _resolves_here(host: str) -> bool:
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    hosts = (str(address[0]).partition("%")[0] for *_, address in resolved)
    return any(is_loopback(f"[{each}]" if ":" in each else each) for each in hosts)


def _chosen(named: list[Loopback]) -> tuple[Loopback, ...]:
    """Return the first ports that can be carried, each once."""
    ports = {found.port: found for found in reversed(named) if found.port >= LOWEST_PORT}
    order = dict.fromkeys(found.port for found in named if found.port in ports)
    return tuple(ports[port] for port in list(order)[:MAX_PORTS])


def _in_query(query: str) -> Iterator[Loopback]:
    """Yield the loopback ports of the values of a query that are addresses."""
    values = (_ADDRESS.fullmatch(value) for _, value in parse_qsl(query))
    for found in islice(filter(None, values), _MAX_VALUES):
        scheme = found[1].lower()
        try:
            host, port = _split(found[2], scheme)
        except Malformed:
            continue
        if _is_here(host, ()):
            yield Loopback(port, scheme == "https", own=False)


def _split(authority: str, scheme: str) -> tuple[str, int]:
    """Return the host, as a browser reads it, and the port. Raises Malformed."""
    if "@" in authority:
        raise Malformed("it holds a user name")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise Malformed("its host cannot be read")
    digits = (found[2] or "").lstrip("0")
    if len(digits) > 5 or int(digits or "0") > 0xFFFF:
        raise Malformed("its port is no port")
    return _host(found[1]), int(digits or "0") if found[2] else _DEFAULT_PORTS[scheme]


def _host(text: str) -> str:
    """Return a host as a browser reads it: an address in its one form, or a name in ASCII. Raises Malformed."""
    if len(text) > _MAX_HOST:  # else it takes long to bring into its form
        raise Malformed("its host is too long")
    if text[:1] == "[" and text[-1:] == "]":
        try:
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        except ValueError:
            raise Malformed("its host is no IPv6 address") from None
    try:
        name = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Malformed("its host cannot be read") from None
    labels = _mapped(name).replace("\u3002", ".").split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()  # a name that ends with a dot is absolute, and leads to the same host
    labels = [_label(label) for label in labels]
    if _NUMBER.fullmatch(labels[-1]):
        return str(_ipv4(labels))
    name = ".".join(labels)
    if len(name) > 253:
        raise Malformed("its host is too long")
    return name


def _mapped(name: str) -> str:
    """Return a name without what browsers take for the same: case, width, characters that do not show (UTS 46)."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower()))


def _label(label: str) -> str:
    """Return a part of a name in ASCII. Raises Malformed."""
    if len(label) > _MAX_LABEL:  # it would be longer in ASCII, and its length squared is the time for that
        raise Malformed("its host is too long")
    try:
        if not label.isascii():
            label = f"xn--{label.encode('punycode').decode()}"
        elif label.startswith("xn--"):
            # Some browsers take the encoding of plain letters for these letters: localhost has one, too.
            decoded = label[4:].encode().decode("punycode")
            if decoded.isascii() or not decoded.isprintable() or decoded != _mapped(decoded):
                raise Malformed("its host cannot be read")
    except UnicodeError:
        raise Malformed("its host cannot be read") from None
    if not _LABEL.fullmatch(label):
        raise Malformed("its host cannot be read")
    return label


def _ipv4(labels: list[str]) -> IPv4Address:
    """Return the address of up to four numbers, of which the last fills the rest. Raises Malformed."""
    numbers = [_number(label) for label in labels]
    *first, last = numbers
    if len(numbers) > 4 or any(number is None or number > 255 for number in first):
        raise Malformed("its host is no IPv4 address")
    if last is None or last >= 256 ** (4 - len(first)):
        raise Malformed("its host is no IPv4 address")
    return IPv4Address(last + sum((number or 0) << 8 * (3 - place) for place, number in enumerate(first)))


def _number(label: str) -> Optional[int]:
    """Return a number of an IPv4 address: decimal, octal behind a 0, hexadecimal behind 0x; None if it is none."""
    if not _NUMBER.fullmatch(label):
        return None
    base = 16 if label.startswith("0x") else 8 if label.startswith("0") else 10
    try:
        return int(label[2:] or "0", 16) if base == 16 else int(label, base)
    except ValueError:
        return None


def _is_here(host: str, names: Collection[str]) -> bool:
    """Return whether a host, as a browser reads it, is loopback."""
    if host[:1] == "[":
        address = IPv6Address(host[1:-1])
        if address.is_loopback or address.is_unspecified:
            return True
        within = [IPv4Address(address.packed[-4:])] if any(address in network for network in _WITHIN_V6) else []
        within += [address.sixtofour] if address.sixtofour else []
        return any(_is_here_v4(inner) for inner in within)
    if _is_ipv4(host):
        return _is_here_v4(IPv4Address(host))
    own = {name.rstrip(".").lower() for name in names if name}
    return host == "localhost" or host.endswith(".localhost") or host in _HERE_NAMES or host in own


def _is_ipv4(host: str) -> bool:
    """Return whether a host, as a browser reads it, is an IPv4 address: no name ends with a number."""
    return host.rpartition(".")[2].isdigit()


def _is_here_v4(address: IPv4Address) -> bool:
    return any(address in network for network in _HERE_V4)


def _carried_host(host: str) -> str:
    """Return a loopback host at which a listener on 127.0.0.1 and ::1 is found, and no other program's."""
    if host[:1] == "[":
        # Of the others, which stand for an IPv4 address, ::1 is as good a name.
        return "[::1]"
    if _is_ipv4(host):
        return "127.0.0.1"
    return host if host.endswith(".localhost") else "localhost"


def _quoted(text: str) -> str:
    """Return what stands behind the host as printable ASCII without the characters that RFC 3986 leaves out."""
    return quote(text, safe=_KEPT)
