"""The verb `forward`: a port of a host is reached at this machine's loopback."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

from typer import Argument, Option

from sesh.about import PROGRAM
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, forwardable, refuse_unused
from sesh.cli.printed import PrintedForward, PrintedForwards, PrintedPorts, PrintedStopped, prints
from sesh.errors import NotFound, Refused, UsageError
from sesh.forward.stream import LAST_PORT
from sesh.names import check_name, is_decimal, printable
from sesh.ops import desk, forwards, listening
from sesh.ops import forward as far
from sesh.ops.forwarding import Forwarding, why_other
from sesh.reach.caller import CANCEL
from sesh.reach.host_target import HostTarget
from sesh.reach.target import Target
from sesh.schema.facts import ForwardedPort
from sesh.schema.outcomes import SessionPort, SessionPorts
from sesh.store import listing
from sesh.text import safe

_MOST_CHOICES = 9  # that one digit chooses


@prints(PrintedForward | PrintedForwards | PrintedPorts | PrintedStopped)
def forward(
    ctx: Context,
    what: Annotated[
        str | None,
        Argument(
            metavar="NAME|PORT",
            help="A port of the host; or a session, whose processes listen on ports.",
            show_default=False,
            autocompletion=forwardable,
        ),
    ] = None,
    *,
    background: Annotated[
        bool, Option("--detached", "-d", help="Return at once; it goes on until --stop, or until NAME ends.")
    ] = False,
    list_: Annotated[
        bool, Option("--list", help="Print what is forwarded in the background. (paste prints types.)")
    ] = False,
    stop: Annotated[
        bool, Option("--stop", help="End what is forwarded in the background: PORT, of either side, or all.")
    ] = False,
) -> int:
    """Reach PORT of a host at http://localhost:PORT here, until Ctrl-C.

    It is a port that answers at the host's localhost. If PORT is taken here, the next free one is used. A NAME offers
    the ports on which that session's processes listen; --json prints them. A lost link comes back by itself. Typed in a
    session, it is a port of that session's machine, and the machine at which you sit listens, for its browser alone.

    Examples:
      sesh @gpu forward 8888
      sesh @gpu forward notebook
      sesh @gpu forward 8888 -d
      sesh forward --list
      sesh forward --stop 8888
    """
    cli = ctx.obj
    if list_ and stop:
        raise UsageError("--list and --stop are two commands")
    if list_ or stop:
        refuse_unused(f"{'--list' if list_ else '--stop'} starts nothing", {"-d": background})
        return _list(cli, what) if list_ else _stop(cli, what)
    is_within = cli.line.host is None and listing.of_asker() is not None
    if what is None and is_within:
        what = desk.own_session()
    if what is None:
        raise UsageError("no port given", hint=f"write: {PROGRAM} @HOST forward PORT")
    if is_decimal(what):
        return _forward(cli, cli.line_target, _port(what), background=background)
    name = check_name(what)
    target = cli.find_target(name)
    found = target.call(far.ports, name=name)
    if cli.line.json and not background:
        return cli.out.value({"session": name, "host": target.host, "ports": found["ports"]})
    return _forward(cli, target, _choose(cli, target, name, found), found["id"], name, background=background)


def _port(word: str) -> int:
    if is_decimal(word) and 0 < int(word) <= LAST_PORT:
        return int(word)
    raise UsageError(f"{printable(word)} is no port", hint=f"a port is a number from 1 to {LAST_PORT}")


def _choose(cli: Invocation, target: Target, name: str, found: SessionPorts) -> int:
    """Return the port of a session that is to be forwarded. Raises NotFound, Refused."""
    ports = found["ports"]
    where = f"{name} on @{target.host}" if target.host else name
    if not ports:
        raise NotFound(f"no process of {where} listens on a port")
    if len(ports) == 1:
        return ports[0]["port"]
    if not cli.can_answer or len(ports) > _MOST_CHOICES:
        named = ", ".join(str(each["port"]) for each in ports)
        line = " ".join(filter(None, (PROGRAM, f"@{target.host}" if target.host else "", "forward PORT")))
        raise Refused(f"{where} listens on {len(ports)} ports: {named}", hint=f"write: {line}")
    answers = [(str(number), _shown(port)) for number, port in enumerate(ports, 1)]
    answer = cli.ask(f"{where} listens on:", [*answers, CANCEL], "1")
    if not is_decimal(answer):
        raise Refused("nothing is forwarded")
    return ports[int(answer) - 1]["port"]


def _shown(port: SessionPort) -> str:
    return f"{port['port']} {safe.plain(port['program'])}".strip()


def _forward(
    cli: Invocation, target: Target, port: int, session_id: str = "", session: str = "", *, background: bool
) -> int:
    if not isinstance(target, HostTarget) and listing.of_asker() is not None:
        refuse_unused("the session's client listens; put it into the background with &", {"-d": background})
        return _listen(cli, port, session)
    if not isinstance(target, HostTarget):
        raise UsageError(
            f"port {port} of this machine is at http://localhost:{port} already",
            hint=f"for that of a host, write: {PROGRAM} @HOST forward {port}",
        )
    if background:
        return _print(cli, forwards.begin(target, port, session_id, session))
    try:
        with closing(Forwarding(target, cli.note)) as forwarding:
            _print(cli, forwarding.add(port, session_id, session))
            forwarding.run()
    except KeyboardInterrupt:
        return printing.exit_interrupted()
    return 0


def _listen(cli: Invocation, port: int, session: str) -> int:
    """Have the person's machine listen, until Ctrl-C."""

    def began(local: int) -> None:
        facts = {"host": None, "port": port, "local": local, "url": f"http://localhost:{local}"}
        more = {"session": session or None, "connections": 0, "up": True}
        cli.out.show({"ok": True, **facts, **more}, f"{facts['url']} on your machine is port {port} here")

    try:
        listening.listen(port, began)
    except KeyboardInterrupt:
        return printing.exit_interrupted()
    return 0


def _print(cli: Invocation, row: ForwardedPort) -> int:
    """Print what is forwarded; say if it is not at the same port."""
    if row["local"] != row["port"]:
        cli.note(f"{why_other(row['port'])}: it is {row['local']}")
    return cli.out.show({"ok": True, **row}, f"{row['url']} is port {row['port']} of @{row['host']}")


def _list(cli: Invocation, what: str | None) -> int:
    refuse_unused("--list prints all of a host", {"NAME|PORT": what})
    rows = forwards.rows(cli.line.host)
    if cli.line.json:
        return cli.out.value({"ports": rows})
    if not rows:
        return cli.out.nothing_found()
    heading = ("HERE", "HOST", "PORT", "SESSION", "LINK")
    cells = [(row["url"], f"@{row['host']}", str(row["port"]), row["session"] or "", _link(row)) for row in rows]
    cli.out.table([heading, *cells])
    return 0


def _link(row: ForwardedPort) -> str:
    return "up" if row["up"] else "lost, reconnecting"


def _stop(cli: Invocation, what: str | None) -> int:
    port = None if what is None else _port(what)
    rows = forwards.stop(cli.line.host, port)
    if not rows:
        named = "nothing is" if port is None else f"port {port} is not"
        raise NotFound(f"{named} forwarded in the background", hint=f"see: {PROGRAM} forward --list")
    for row in [] if cli.line.json else rows:
        cli.out.text(f"{row['url']} is port {row['port']} of @{row['host']} no more")
    return cli.out.done(stopped=rows)
