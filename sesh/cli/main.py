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
        return carry_out(Invocation(line), options)
    except SeshError as error:
        error.host = error.host or (line.hosts[0] if len(line.hosts) == 1 else None)
        raise


def carry_out(cli: Invocation, options: Options) -> int:
    """Call the verb's function, on each host if several are named; return the exit code."""
    verb = cli.line.row
    bare = not (verb.name or cli.tail or any(options.values()))  # lists the sessions
    if len(cli.hosts) > 1 and verb.hosts != ALL and not bare:
        return int(verbs.load("fanout.run")(cli, options))
    try:
        return verb.function()(cli, **options)
    except SeshError as error:
        cli.explain(error)
        raise
    finally:
        cli.drop_misdirected()


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
