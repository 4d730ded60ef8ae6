"""One command line, carried out: the verbs that must start fast at once, the others, and all help, through typer."""

from __future__ import annotations

from sesh import __version__, protocol
from sesh.cli import parser, printing
from sesh.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_HERE = ("--watch", "--pick", "--deploy", "--upgrade", "--import", "--sweep", "--doctor", "--record", "--mcp")
"""Verbs that are carried out on this side, whatever hosts are named."""

_FAST = {
    "": "cli.enter.go",
    "--attach": "cli.enter.attach",
    "--open": "cli.enter.open_",
    "--new": "cli.enter.new",
    "--list": "ops.view.list_",
    "--watch": "cli.watch.watch",
    "--pick": "cli.pick.pick",
    "--detach": "ops.sessions.detach",
    "--kill": "ops.sessions.kill",
    "--exec": "cli.job.exec_",
    "--run": "ops.shell.run",
    "--history": "ops.shell.history",
    "--send": "ops.send.send",
    "--wait": "ops.wait.wait",
    "--events": "ops.events.events",
    "--reload": "cli.reload.reload",
    "--screen": "ops.view.screen",
    "--logs": "ops.view.logs",
    "--status": "ops.view.status",
    "--shell-init": "cli.integration.shell_init",
}
"""What carries out the verbs of `words.PLACES`: module and function."""


def run(argv: list[str]) -> int:
    """Carries out a command line; the exit code. Raises SeshError."""
    line = parser.split(argv)
    if line.help:
        from sesh.cli import verbs

        text = verbs.help_of(line)
        if line.json:
            printing.value({"help": text})
        else:
            printing.text(text)
        return 0
    if line.hosts and line.verb not in _HERE and "--watch" not in line.words:
        from sesh.cli import there

        return there.run(line)
    if line.verb == "--bridge":
        from sesh.ops import bridge

        return bridge.main(line)
    if line.verb == "--complete":
        from sesh.cli import complete

        return complete.complete(line)
    if line.verb == "--version" and not line.words:
        return version(line)
    try:
        return _carried_out(line, argv)
    except NotFound as error:
        host = _elsewhere(line)
        if host is None and line.verb == "--wait":
            from sesh.ops import wait

            return wait.kept(line, error)
        if host is None:
            raise
    from sesh.cli import enter

    return enter.on(host, line)


def _carried_out(line: parser.Line, argv: list[str]) -> int:
    """The line on this machine."""
    options = parser.parse(line)
    if options is None:
        from sesh.cli import verbs

        return verbs.run(argv)
    return _fast(line.verb)(line, **options)


def _elsewhere(line: parser.Line) -> str | None:
    """The known remote that has the one session which a line names; None where there is none."""
    if line.verb not in parser.NAMING or not line.words:
        return None
    name = (parser.parse(line) or {}).get("name") or line.words[0]
    if name[:1] == "-":
        return None
    if line.verb in ("--kill", "--reload") and len(line.words) > 1:
        return None
    from sesh.ops import lookup

    return lookup.find(line, name)


def _fast(verb: str) -> Callable[..., int]:
    """The function of a verb that starts fast; only what it needs is loaded."""
    module, _, name = _FAST[verb].rpartition(".")
    found: Callable[..., int] = getattr(__import__(f"sesh.{module}", fromlist=[name]), name)
    if verb == "--send":
        return lambda line, **_: found(line)  # the order of the words matters, and only the line knows it
    return found


def version(line: parser.Line) -> int:
    """`--version`."""
    if line.json:
        printing.value({"version": __version__, "protocol": protocol.PROTOCOL})
    else:
        printing.text(f"sesh {__version__}")
    return 0
