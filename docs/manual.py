"""The manual page, made from what the verbs say of themselves: `make man` writes docs/sesh.1.

Only what no verb can say stands here: what sesh is, its keys, exit codes, variables and files.
"""

from __future__ import annotations

import os
import re
import sys

from typer.core import TyperGroup

from sesh import __version__
from sesh.cli import verbs
from sesh.cli.group import EVERYWHERE, VERBLESS
from sesh.cli.parser import VERBS

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sesh.1")
SIGN = ".\\\" sesh(1), written by sesh's own docs/manual.py; edit that, or the verbs."

_ABOUT = """\
sesh keeps named shell sessions alive, on this machine and on any machine that ssh reaches. `sesh work` attaches to the
session work, and makes it where there is none; Ctrl-\\ leaves it, and it goes on. Whoever attaches later, from here or
from elsewhere, finds screen, scrollback and modes as if they had been there all along.

Any word is a session's name, so verbs wear dashes. `@HOST` before a verb or a name moves the same command to that host.
`--` ends sesh's own words; all after it is the command. `sesh -` is the session attached last.

Names are letters, digits and `. _ + -`, beginning with a letter, a digit or `_`, of 64 bytes at most."""
_KEYS = (
    ("Ctrl-\\", "Leaves the session; it goes on. Another key: SESH_DETACH_KEY, or detach_key of config.toml."),
    ("Ctrl-C", "While a job is waited for: SIGINT to the job; a third one in a row stops the waiting, not the job."),
)
_CODES = (
    ("0", "Success; after leaving a session too."),
    ("1", "Refused, or not found."),
    ("2", "Usage: wrong words, no name, no host."),
    ("124", "Timed out."),
    ("125", "--exec or --run was refused, or sesh itself failed."),
    ("126, 127", "The command cannot be executed, or is not there."),
    ("128+N", "Ended by signal N."),
    ("else", "The command's own."),
)
_VARIABLES = (
    ("SESH_SESSION", "Inside a session: its name, for people and prompts."),
    ("SESH_DIR", "Where sessions keep their files, ~/.sesh by default. Yours alone (0700)."),
    ("SESH_DETACH_KEY", "The key that leaves: C-\\, C-b d (two keys), or none."),
    ("SESH_JSON", "1: as --json with every verb."),
    ("SESH_DEBUG", "1: tracebacks of what should not happen."),
    ("SESH_EVENT_LOG", "A file for what happens with remotes, as JSON Lines. See --events --log."),
    ("SESH_NO_SYNC", "1: no files are pushed before a session elsewhere begins."),
    ("SESH_SSH, SESH_IDENTITY, SESH_PROXYJUMP", "The ssh to use (ssh or autossh), a key, a host to go through."),
    ("SESH_PERSIST, SESH_KEEPALIVE", "How long shared connections stay (8h), and seconds between signs of life (30)."),
    ("SESH_CTRL_DIR", "Where the sockets of shared connections lie."),
    ("NO_COLOR", "No colours in lists."),
)
_FILES = (
    ("~/.config/sesh/config.toml", "Settings: detach_key, replay_lines, persist, [groups], [remotes], [hooks]."),
    ("~/.config/sesh/sync", "Files of your home that are pushed before a session elsewhere begins, one path a line."),
    ("~/.sesh", "The sessions' sockets and records, what was kept of those that have ended."),
    ("~/.local/state/sesh", "Known remotes, and the event log."),
    ("~/.local/share/sesh/versions", "What --deploy put here."),
)
_EXAMPLES = (
    ("sesh work", "Attach to work, or make it."),
    ("sesh @gpu train", "The same on the host gpu."),
    ("sesh --exec build -- make -j8", "Run make in a session of its own, and exit with its code."),
    ("sesh @gpu --run train -- 'cd repo && ./eval.sh'", "Run a command in a live shell over there; print its output."),
)


def page() -> str:
    """The whole page, in the macros of man(7)."""
    group = verbs.declared()
    parts = [SIGN, f'.TH SESH 1 "" "sesh {__version__}" "User Commands"']
    parts += [".SH NAME", "sesh \\- keep named shell sessions alive, here and over ssh"]
    parts += [".SH SYNOPSIS", ".B sesh", _text("[@HOST…] [NAME [DIR] | --VERB …] [-- CMD…]")]
    parts += [".SH DESCRIPTION", *(f".PP\n{_text(' '.join(each.split()))}" for each in _ABOUT.split("\n\n"))]
    parts += [".SH VERBS", *(_verb(group, name) for name in group.list_commands(group.context_class(group)))]
    parts += ["\n.SS With every verb", *_terms(EVERYWHERE)]
    for title, rows in (
        ("KEYS", _KEYS),
        ("EXIT STATUS", _CODES),
        ("ENVIRONMENT", _VARIABLES),
        ("FILES", _FILES),
        ("EXAMPLES", _EXAMPLES),
    ):
        parts += [f".SH {title}", *_terms(rows)]
    parts += [".SH SEE ALSO", ".BR ssh (1),\n.BR ssh_config (5),\n.BR tmux (1)"]
    return "\n".join(parts) + "\n"


def _verb(group: TyperGroup, name: str) -> str:
    """One verb: its usage, what it does, its options, its examples."""
    command = group.commands[name]
    context = group.context_class(command, info_name=name)
    spelled = "sesh" if name == VERBLESS else f"sesh {name}"
    short = VERBS.get(name, "")
    title = f"sesh {VERBLESS}" if name == VERBLESS else name
    words = (command.options_metavar or "").removeprefix("[OPTIONS]")  # typer's own word where a verb takes none
    usage = f"{'NAME ' if name == VERBLESS else ''}{words}".strip()
    lines = [f".SS {_text(title + (f', {short}' if short else ''))}", ".PP", f".B {_text(spelled)}", _text(usage)]
    lines += [".PP", *(_text(each) for each in (command.help or "").split("\n") if each.strip())]
    rows = [each.get_help_record(context) for each in command.params if each.param_type_name == "option"]
    lines += _terms([row for row in rows if row is not None])
    examples = [each.strip() for each in (command.epilog or "").split("\n")[2:]]
    lines += [".PP", ".nf", *(f".RS 4\n{_text(each)}\n.RE" for each in examples), ".fi"] if examples else []
    return "\n".join(line for line in lines if line)


def _terms(rows: object) -> list[str]:
    """Words and what they mean, below each other."""
    assert isinstance(rows, (list, tuple))  # noqa: S101
    return [f".TP\n.B {_text(word)}\n{_text(meaning)}" for word, meaning in rows]


def _text(line: str) -> str:
    """A line as roff reads it back; what stands between backquotes is bold."""
    line = line.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "\\&...")
    line = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", line).replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{line}" if line[:1] in (".", "'") else line


def main() -> int:
    """Writes the page."""
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
