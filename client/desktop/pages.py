"""The pages of the person's browser: which open, and what listens here meanwhile for a login that comes home.

An address that names a port over there is listened for first, and then opened. Each connection to that port is carried
over the link. A port that `forward` names is listened on in the same way (`forwards`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import chain
from math import inf

from sesh.about import PROGRAM
from sesh.client.desktop.consent import Consent, Verdict
from sesh.client.desktop.exchanges import Exchange, Exchanges
from sesh.client.desktop.forwards import Forwards
from sesh.client.desktop.lines import MAX_NAME, Lines, News, program_of
from sesh.client.desktop.listener import LoginListener
from sesh.client.desktop.outer import Outer
from sesh.client.desktop.runs import ToolRuns
from sesh.desktop import addresses, tools
from sesh.errors import Malformed, SeshError
from sesh.system import platforms, ports
from sesh.text import safe
from sesh.wire.messages import Why, Wish

LINE_TIME = 10.0  # seconds that a line with a link stays
SSH_LINE_TIME = 30.0  # seconds that a line with a command to type elsewhere stays
_MAX_HOSTS = 64 << 10  # bytes of /etc/hosts; whoever blocks sites by it has megabytes, behind the machine's own names
_MAX_LISTENERS = 16  # one more ends the oldest

Ports = list[addresses.Loopback]


class Pages:
    """The pages, logins and forwarded ports of one attachment. `exchanges` is set by who makes both.

    `host`: where the programs run; None on this machine. `outer`: the session within which this client runs; its
    desktop opens. `may_show`: whether no line asks the person for something.
    """

    def __init__(
        self,
        lines: Lines,
        news: News,
        consent: Consent,
        runs: ToolRuns,
        environment: Mapping[str, str],
        *,
        host: str | None,
        outer: Outer | None,
        may_show: Callable[[], bool],
    ) -> None:
        self.exchanges: Exchanges
        self._lines, self._news, self._consent, self._runs = lines, news, consent, runs
        self._environment, self._host, self._outer, self._may_show = environment, host, outer, may_show
        self._is_remote = host is not None
        self.browser = tools.browser(environment)
        self._own_names = own_names()
        self.listeners: dict[int, LoginListener] = {}  # by port
        # What the outer session was asked to open, and the ports that were begun for it.
        self._opening: dict[Exchange, list[int]] = {}
        self._forwards = Forwards(self._tell_refused, passes_on=outer is not None)

    # -- the loop

    @property
    def busy(self) -> bool:
        """True if it has something to wait for."""
        return bool(self._opening or self.listeners) or self._forwards.busy

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        return min([self._forwards.due, *(each.due for each in self.listeners.values())], default=inf)

    def connected(self) -> None:
        """Note that the daemon is there, or is there again."""
        self._forwards.connected(time.monotonic())

    def watched(self) -> dict[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        found = self._forwards.watched()
        for listener in self.listeners.values():
            found |= listener.watched()
        return found

    def act(self, ready: Collection[int], now: float) -> None:
        """Go on with what has become ready or due."""
        self._follow_opening()
        self._forwards.act(ready, now, self.exchanges.stream_to_any)
        for port, listener in list(self.listeners.items()):
            listener.act(ready, now, self.exchanges.stream)
            if listener.sockets and listener.watch is not None and listener.watch.lost:
                listener.watch = self.exchanges.watch_port(port)  # the link has broken, and may be back
            if not listener.open:
                self._drop_listener(port)

    def close(self) -> None:
        """Let go of everything: the client ends."""
        self._forwards.close()
        for listener in self.listeners.values():
            listener.close()

    def moved(self, exchange: Exchange, now: float) -> None:
        """Handle news of a connection that is carried, or of a port."""
        if exchange.wish is Wish.LISTEN:
            self._forwards.ended(exchange, now)
        else:
            any(each.moved(exchange, now, self.exchanges.stream) for each in self.listeners.values())
            self._forwards.moved(exchange, now, self.exchanges.stream_to_any)

    # -- pages

    def decide(self, exchange: Exchange) -> None:
        """Decide on a page: call `Exchanges.begin` or `Exchange.refuse`."""
        try:
            address = addresses.parse(exchange.ask.get("url", ""), self._own_names)
        except Malformed as error:
            exchange.refuse(Why.REFUSED, f"the address is not opened: {error}")
            return
        if address.is_here and self._is_remote and not _carried(exchange, address):
            self._refuse_here(exchange, address)
        elif self._outer is not None and self._consent.browse != "never" and not self._ports(exchange, address):
            self.exchanges.begin(exchange)  # else it is listened here, for which the key is to be one of this session
        elif (verdict := self._consent.open(time.monotonic())) is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            self._link(exchange, address, "wants to open")
            words = "a page opens by itself after a key here, one in 2 s: the desktop shows the address as a link"
            exchange.refuse(Why.CONSENT, words)
        else:
            exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs open no page")

    def open(self, exchange: Exchange) -> None:
        """Open `ask["url"]`; listen first on the ports that it names. Then tell."""
        address = addresses.parse(exchange.ask.get("url", ""), self._own_names)
        if self._is_remote and not address.is_here:
            done = partial(self._open_found, exchange, address)
            self._runs.run(exchange, lambda _: addresses.leads_here(address.host), done)
        else:
            self._open(exchange, address)

    def _open_found(self, exchange: Exchange, address: addresses.Address, leads_here: bool) -> None:
        """Open an address whose name was looked up: a name that leads to this machine is one of its loopback."""
        if leads_here:
            address = addresses.parse(exchange.ask.get("url", ""), (*self._own_names, address.host))
        if leads_here and not _carried(exchange, address):
            self._refuse_here(exchange, address)
        else:
            self._open(exchange, address)

    def _open(self, exchange: Exchange, address: addresses.Address) -> None:
        browser, begun = self.browser, list[int]()
        taken = next((each.port for each in self._ports(exchange, address) if not self._listen(each, begun)), None)
        if taken is not None:
            self._stop_listening(begun)
            self._runs.run(exchange, lambda _: ports.holder(taken), partial(self._tell_taken, exchange, taken))
        elif self._outer is not None:
            self._opening[exchange] = begun
            self._outer.ask(exchange)
        elif browser is None:
            self._tell_link(exchange, address, "the desktop has no browser")
        else:
            opened = partial(self._tell_opened, exchange, address)
            self._runs.run(exchange, lambda _: tools.open_page(browser, address.opened), opened)

    def _refuse_here(self, exchange: Exchange, address: addresses.Address) -> None:
        """Refuse an address that leads to this machine, to a port that is not carried."""
        self._link(exchange, address, "leads to this machine")
        exchange.refuse(
            Why.REFUSED, "none of your programs listens on that port here, and the desktop's own pages are not opened"
        )

    def _link(self, exchange: Exchange, address: addresses.Address, what: str) -> None:
        """Show an address as a link to click."""
        if self._may_show() and self._news.are_due(exchange, what):
            self._lines.ask_line(f"{self._news.asker(exchange)} {what}: {address.opened}", LINE_TIME)

    def _tell_link(self, exchange: Exchange, address: addresses.Address, why: str) -> None:
        """Show an address that no program here opens as a link; behind a plain ssh with the way for a login."""
        ways = [f"-L {each.port}:localhost:{each.port}" for each in _carried(exchange, address)]
        if not ways or not self._environment.get("SSH_CONNECTION"):
            self._link(exchange, address, "wants to open")
            exchange.refuse(Why.TOOLS, f"{why}: it shows the address as a link")
            return
        then = f"run `ssh {' '.join(ways)} {os.uname().nodename}` where you sit, then open"
        self._lines.ask_line(f"{program_of(exchange)}: {then} {address.opened}", SSH_LINE_TIME)
        exchange.refuse(Why.TOOLS, f"{why}, and it is reached by plain ssh: {then} the address")

    def _tell_taken(self, exchange: Exchange, port: int, holder: str) -> None:
        """Tell who has a port: what comes back to it must not go to another program."""
        holder = safe.cut(safe.plain(holder), MAX_NAME)
        self._lines.ask_line(f"page not opened: port {port} is taken here by {holder}; end it, try again", LINE_TIME)
        exchange.refuse(Why.TAKEN, f"port {port} is taken on the desktop by {holder}: end it, then try again")

    def _tell_opened(self, exchange: Exchange, address: addresses.Address, error: SeshError | None) -> None:
        if error is not None:
            self._tell_link(exchange, address, str(error))
            return
        self._news.tell(exchange, "opened", f" opened {address.opened}")
        exchange.tell()

    # -- logins that come home

    def _ports(self, exchange: Exchange, address: addresses.Address) -> Ports:
        """Return the ports on which to listen here for an address."""
        return _carried(exchange, address) if self._is_remote else []

    def _listen(self, port: addresses.Loopback, begun: list[int]) -> bool:
        """Listen on a port, which becomes one of those that are `begun` unless it was listened on before."""
        listener = self.listeners.get(port.port)
        if listener is not None and listener.sockets and listener.tls == port.tls:
            listener.again(time.monotonic())
            return True
        if len(self.listeners) >= _MAX_LISTENERS:
            self._drop_listener(next(iter(self.listeners)))
        listens = self._begin_listening(port)
        begun += [port.port] * listens
        return listens

    def _begin_listening(self, port: addresses.Loopback) -> bool:
        """Listen on this machine's loopback; return False if the port is taken."""
        if (old := self.listeners.get(port.port)) is not None:
            if old.sockets:
                return False
            self._drop_listener(port.port)  # of a login that is over, whose browser keeps a connection
        try:
            listener = LoginListener(port.port, time.monotonic(), tls=port.tls, own=port.own)
        except OSError:
            return False
        if not port.own:
            listener.watch = self.exchanges.watch_port(port.port)
        self.listeners[port.port] = listener
        return True

    def _stop_listening(self, begun: list[int]) -> None:
        """Listen no more on what was begun for a page that has not opened."""
        for port in begun:
            if port in self.listeners:
                self._drop_listener(port)

    def _drop_listener(self, port: int) -> None:
        listener = self.listeners.pop(port)
        listener.close()
        if listener.watch is not None:
            listener.watch.refuse(Why.GONE)  # else the daemon looks at the port for as long as it is open there

    def _follow_opening(self) -> None:
        """Listen no more for pages that the outer session's desktop has not opened."""
        for exchange in [each for each in self._opening if each.over]:
            begun = self._opening.pop(exchange)
            if not exchange.fulfilled:
                self._stop_listening(begun)

    def take_logins(self) -> dict[int, LoginListener]:
        """Let go of what listens for logins, by port; return it, for another session of the same machine."""
        logins, self.listeners = self.listeners, {}
        return logins

    def resume_logins(self, logins: dict[int, LoginListener]) -> None:
        """Go on with what listens for logins: the daemon of each session of a machine can connect to its ports."""
        self.listeners.update(logins)

    # -- forwarded ports

    def decide_listen(self, exchange: Exchange) -> None:
        """Decide on a port that is to be forwarded: call `Exchanges.begin` or `Exchange.refuse`."""
        port = exchange.ask.get("port", 0)
        if not self._is_remote:  # the port is this machine's own: the outer session's person may sit at another one
            self.exchanges.begin(exchange)
        elif self._forwards.keeps(port) or (verdict := self._consent.open(time.monotonic())) is Verdict.GIVE:
            self.exchanges.begin(exchange)
        elif verdict is Verdict.ASK:
            exchange.refuse(Why.CONSENT, "no key was pressed in this session for it: type it there")
        else:
            exchange.refuse(Why.CONSENT, "config.toml on the desktop says that programs open no page, and so no port")

    def forward(self, exchange: Exchange) -> None:
        """Carry connections to a port here to `ask["port"]` there, until the exchange ends."""
        there = exchange.ask.get("port", 0)
        port = self._forwards.begin(exchange) if self._is_remote else there
        if port is None:
            return
        if self._outer is None:
            if self._is_remote:
                self._news.tell(exchange, f"forwards {port}", f": its port {there} is at http://localhost:{port} here")
            self._forwards.tell(exchange, port)
        else:  # its person sits at another machine, from which this port is to be reached
            exchange.ask["port"] = port
            self._outer.ask(exchange)

    def _tell_refused(self, port: int) -> None:
        where = f"{PROGRAM} @{self._host} forward {port}"
        self._lines.show_notice(f"port {port} is carried for a browser alone; for other programs, type here: {where}")


def own_names() -> frozenset[str]:
    """Return the names of this machine's loopback besides localhost: its own, and those in /etc/hosts.

    On Debian, the machine's whole name is one of 127.0.1.1.
    """
    hosts = platforms.content("/etc/hosts", _MAX_HOSTS).decode("ascii", "ignore")
    lines = (line.partition("#")[0].split() for line in hosts.splitlines())
    found = (words[1:] for words in lines if words and words[0].startswith(("127.", "::1")))
    return frozenset((os.uname().nodename, *chain.from_iterable(found)))


def _carried(exchange: Exchange, address: addresses.Address) -> Ports:
    """Return the ports to carry; without an address's own one, which cannot be carried, none."""
    there = exchange.ask.get("ports")
    carried = [each for each in address.ports if there is None or each.port in there]
    return carried if not address.is_here or any(each.own for each in carried) else []
