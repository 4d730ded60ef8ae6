"""One command line carried out: parsed, then its verb's function called."""

from __future__ import annotations

from sesh import protocol
from sesh.about import PROGRAM, SESH, __version__
from sesh.cli import parser, printing, verbs
from sesh.cli.invocation import Invocation
from sesh.cli.parser import Options
from sesh.cli.verbs import ALL
from sesh.errors import SeshError
from sesh.quitkey import quit_key


def run(argv: list[str]) -> int:
    """Carry out the command line of this process; return the exit code. Raises SeshError."""
    line = parser.split(argv)
    if line.row.attaches:
        quit_key.arm()
    else:
        quit_key.release()
    try:
        if line.help:
            return help_(line)
        options = parser.parse(line)
        if options is None:
            raise verbs.load("misread.error")(line)
        cli = Invocation(line)
        bare = not (line.verb or line.tail or any(options.values()))  # lists the sessions
        if len(cli.hosts) > 1 and line.row.hosts != ALL and not bare:
            return int(verbs.load("fanout.run")(cli, _without_hosts(argv, line.hosts)))
        return carry_out(cli, options)
    except SeshError as error:
        error.host = error.host or (line.hosts[0] if len(line.hosts) == 1 else None)
        raise


def carry_out(cli: Invocation, options: Options) -> int:
    """Call the verb's function; return the exit code."""
    verb = cli.line.row
    names = options.get("names") or options.get("name")
    if isinstance(names, list) and len(names) == 1:
        names = names[0]
    if verb.session and not cli.hosts and isinstance(names, str):
        cli.sought = names
    try:
        return verb.function()(cli, **options)
    except SeshError as error:
        cli.explain(error)
        raise
    finally:
        cli.drop_misdirected()


def _without_hosts(argv: list[str], hosts: list[str]) -> list[str]:
    words = [*argv]
    for host in hosts:
        words.remove(f"@{host}")
    return words


def help_(line: parser.CommandLine) -> int:
    """`--help`: print the help of the line's verb, or of the whole. `run` calls it before it looks for a verb."""
    if line.topic and not parser.verb_like(line.topic):
        raise verbs.load("misread.no_verb")(line.topic, f"{SESH} {{}} --help")
    if not line.verb and line.words and line.words[0][:1] == "-" and parser.parse(line) is None:
        raise verbs.load("misread.error")(line)
    text = verbs.load("typer_app.help_of")(line)
    if line.json:
        printing.value({"help": text})
    else:
        printing.text(text)
    return 0


def version(cli: Invocation) -> int:
    """`--version`: print the version, as JSON that of the protocol too."""
    if cli.json:
        return cli.value({"version": __version__, "protocol": protocol.PROTOCOL})
    printing.text(f"{PROGRAM} {__version__}")
    return 0
