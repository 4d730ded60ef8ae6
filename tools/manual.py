"""The manual page, generated from the verbs' own help.

The variables come from docs/CONFIG.md, the rest is here: the description, keys and files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer

from sesh.about import __version__
from sesh.cli.app import CODES, EVERYWHERE, built
from sesh.cli.verbs import GROUPS, Verb
from sesh.config import config

_SETTINGS = Path(__file__).parent.parent / "docs" / "CONFIG.md"
SIGN = ".\\\" sesh(1), written by sesh's own tools/manual.py; edit that, the verbs, or CONFIG.md."

_RELEASED = "2026-11-29"
"""The day of this version, as in the changelog."""
_HOME = "https://github.com/sesh-mux/sesh"
_ABOUT = """\
sesh keeps named shell sessions alive, on this machine and on any machine that you can reach with ssh. `sesh work`
attaches to the session work, or creates it. Ctrl-\\ leaves it, and whatever runs in it keeps running. When you attach
again, from here or from elsewhere, screen, scrollback and modes are restored.

A verb is written with dashes or without: `sesh --kill work` is `sesh kill work`. Any other first word is a session's
name; `sesh -A NAME` reaches a session that has the name of a verb. `@HOST` before a verb or a name runs the same
command line on that host. Everything after a lone `--` is the command to run. `sesh -` is the session that you attached
to last.

A name consists of letters, digits and `. _ + -`, begins with a letter, a digit or `_`, and has at most 64 bytes."""
_KEYS = (
    (
        "Ctrl-\\",
        "Leave the session; it keeps running. To use another key, set SESH_DETACH_KEY, or detach_key in config.toml.",
    ),
    (
        "Ctrl-C",
        "While sesh waits for a job: send SIGINT to the job. The third within 2 s stops waiting; the job goes on.",
    ),
)
_TABLES = ("groups", "remotes", "hooks")
_FILES = (
    (
        "~/.config/sesh/config.toml",
        f"Settings: {', '.join(f'[{key}]' if key in _TABLES else key for key in config.KEYS)}.",
    ),
    (
        "~/.config/sesh/sync",
        "Files to push before a session starts on another host, one path relative to HOME per line.",
    ),
    ("~/.sesh", "Sockets and records of sessions, and what is kept of ended and lost ones."),
    ("~/.local/state/sesh/remotes.json", "Known remotes, and what was last known of their sessions."),
    ("~/.local/state/sesh/events.jsonl", "The log of connections, deployments and files pushed."),
    ("~/.local/state/sesh/work", "The work logs of the MCP server."),
    ("~/.local/share/sesh/versions", "Versions installed on this machine by `deploy`."),
    (
        "~/.claude/settings.json, ~/.codex/hooks.json, ~/.gemini/settings.json",
        "The agents' own settings; `integrate` adds hooks to them.",
    ),
)
_EXAMPLES = (
    ("sesh work", "Attach to work, or create it."),
    ("sesh @gpu train", "The same on the host gpu."),
    ("sesh exec build -- make -j8", "Run make in its own session, and exit with its code."),
    ("sesh @gpu run train -- 'cd repo && ./eval.sh'", "Run a command in a live shell on gpu, and print its output."),
)


def page() -> str:
    """The whole page, in the macros of man(7)."""
    parts = [SIGN, f'.TH SESH 1 "{_RELEASED}" "sesh {__version__}" "User Commands"']
    parts += [".SH NAME", "sesh \\- keep named shell sessions alive, here and over ssh"]
    parts += [".SH SYNOPSIS", ".B sesh", _text("[@HOST…] [NAME [DIR] | VERB …] [-- CMD…]")]
    parts += [".SH DESCRIPTION", *(f".PP\n{_text(' '.join(paragraph.split()))}" for paragraph in _ABOUT.split("\n\n"))]
    for group, verbs in GROUPS.items():
        parts += [f".SH {group.upper()}", *map(_verb, verbs)]
    parts += [".SH WITH EVERY VERB", *_terms(EVERYWHERE)]
    for title, rows in (
        ("KEYS", _KEYS),
        ("EXIT STATUS", CODES),
        ("ENVIRONMENT", list(_variables())),
        ("FILES", _FILES),
        ("EXAMPLES", _EXAMPLES),
    ):
        parts += [f".SH {title}", *_terms(rows)]
    parts += [".SH SEE ALSO", f".BR ssh (1),\n.BR ssh_config (5),\n.BR tmux (1),\n.UR {_HOME}\n.UE"]
    return "\n".join(parts) + "\n"


def _variables() -> Iterator[tuple[str, str]]:
    """Yield the variables of the page about settings: their names, meanings and defaults."""
    section = _SETTINGS.read_text(encoding="utf-8").partition("\n## Environment\n")[2].partition("\n## ")[0]
    for names, meaning, default in re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) ?\|$", section, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", meaning)
        yield names.replace("`", ""), f"{plain[0].upper()}{plain[1:]}." + f" Default: {default}." * bool(default)


def _verb(verb: Verb) -> str:
    """Return one verb: its usage, what it does, its options, its examples."""
    command = built(verb.name)
    context = typer.Context(command, info_name=verb.name)
    usage = " ".join(command.collect_usage_pieces(context))
    text, _, examples = (command.help or "").partition("\n\nExamples:\n")
    options = [each for each in command.params if each.param_type_name == "option" and each.expose_value]
    lines = [f".SS {_text(verb.shown)}", ".PP", f".B {_text(f'sesh {verb.name}')}", _text(usage), ".PP"]
    lines += [_text(" ".join(paragraph.split())) + "\n.PP" for paragraph in text.split("\n\n")]
    lines += _terms([record for each in options if (record := each.get_help_record(context))])
    shown = [f".RS 4\n{_text(example.strip())}\n.RE" for example in examples.splitlines()]
    lines += [".PP", ".nf", *shown, ".fi"]
    return "\n".join(lines)


def _terms(rows: object) -> list[str]:
    """Words and what they mean, below each other."""
    assert isinstance(rows, (list, tuple))  # noqa: S101
    return [f".TP\n.B {_text(word)}\n{_text(meaning)}" for word, meaning in rows]


def _text(line: str) -> str:
    """A line as roff reads it back; what stands between backquotes is bold."""
    line = line.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "\\&...")
    line = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", line).replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{line}" if line[:1] in (".", "'") else line
