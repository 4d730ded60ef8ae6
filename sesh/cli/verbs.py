"""The table of all verbs, with their summaries, functions and numbers of hosts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Literal, NamedTuple

from sesh.names import nearest

GO = "-A"  # the verb of a line that has only a session's name; it has a short form, and no word
_SIMILAR = 0.8  # difflib's ratio, from which a name may be a misspelt verb


Hosts = Literal[  # the hosts that a verb takes at the beginning of the line
    "none",  # it runs on this machine only
    "one",  # at most one; `why_one` says why
    "each",  # several: for each of them `fanout` calls the verb's function
    "all",  # several: the verb's function gets all of them in one call
]
HostsBehind = Literal[  # the words behind the verb that are hosts if they begin with @
    "none",  # no word: each may be any text
    "first",  # those before its first other word
    "all",  # each word: the verb is about hosts
]
VALUED = frozenset((  # each option of any verb that takes a value, which is the next word, whatever it looks like
    "--context", "--dir", "--env", "--file", "--for", "--format", "--from", "--idle", "--key", "--label", "--lines",
    "--name", "--older", "--question", "--signal", "--since", "--size", "--timeout", "--type", "-C", "-n", "-s", "-t",
))  # fmt: skip


class Verb(NamedTuple):
    """A verb of the command line.

    `name`: without dashes. `function`: as `module.name` in this package. `short`: the short form, with its dash.
    `alias`: another word for the name. `takes_command`: the words after `--` are a command. `why_one`: why it refuses
    several hosts. `hosts_behind`: which words behind it are hosts; before it, each word with an @ is one.
    """

    name: str
    summary: str
    function: str
    short: str = ""
    alias: str = ""
    hosts: Hosts = "one"
    takes_command: bool = False
    why_one: str = "a terminal shows one session"
    hosts_behind: HostsBehind = "first"

    @property
    def word(self) -> str:
        """The verb's word on a line, which dashes may precede; empty for GO."""
        return self.name if self.name != GO else ""

    @property
    def shown(self) -> str:
        """The verb as the overview shows it, with its short form."""
        if self.name == GO:
            return f"NAME, {GO} NAME"
        return ", ".join(filter(None, (self.name, self.alias, self.short)))

    def load(self) -> Callable[..., int]:
        """Import and return the function."""
        module, _, name = self.function.rpartition(".")
        function: Callable[..., int] = getattr(import_module(f"{__package__}.{module}"), name)
        return function


GROUPS: dict[str, tuple[Verb, ...]] = {
    "Go to a session": (
        Verb(GO, "Go to NAME, or start it; - goes to the last session", "go.go", takes_command=True),
        Verb("attach", "Go to NAME, which must exist", "go.attach", short="-a"),
        Verb("new", "Start a session; without NAME, a numbered one", "go.new", short="-n", takes_command=True),
        Verb("pick", "Choose a session from a list, its screen beside it", "choose.pick", hosts="all"),
        Verb("next", "Go to the session that has waited longest for you", "choose.next_", hosts="all"),
        Verb("here", "Go to the session of this directory's repository", "go.here", takes_command=True),
        Verb("detach", "Leave the session, or detach everyone from NAME", "sessions.detach", short="-x", hosts="each"),
    ),
    "See what goes on": (
        Verb("list", "List the sessions and what runs in them", "views.list_", short="-l", alias="ls", hosts="all"),
        Verb("watch", "Keep the list on screen; answer sessions that wait", "choose.watch", hosts="all"),
        Verb("events", "Follow what happens: starts, ends, questions, bells", "events.events", hosts="each"),
        Verb("screen", "Print what the screen shows now", "views.screen", hosts="each"),
        Verb("logs", "Print the last lines of output; -f follows", "views.logs", hosts="each"),
        Verb("grep", "Search what sessions have printed", "grep.grep", hosts="each", hosts_behind="none"),
        Verb("history", "List commands run in a session, or show one's output", "shell.history", hosts="each"),
        Verb("status", "Show everything known about a session", "views.status", hosts="each"),
    ),
    "Run commands, and drive a session": (
        Verb("open", "Start NAME unless it runs, without going to it", "go.open_", hosts="each", takes_command=True),
        Verb(
            "exec", "Run CMD in a new session, and exit with its code", "jobs.exec_",
            short="-e", hosts="each", takes_command=True,
        ),
        Verb(
            "run", "Run CMD in a session's living shell; print its output", "shell.run",
            hosts="each", takes_command=True,
        ),
        Verb("send", "Type text and keys into a session", "send.send", hosts="each", hosts_behind="none"),
        Verb("wait", "Wait for text, a prompt, a question, silence or the end", "wait.wait", hosts="all"),
        Verb(
            "rename", "Rename a session", "sessions.rename",
            why_one="if NEW were free on some hosts only, half of the sessions would have it",
        ),
        Verb("label", "Set or remove labels, to filter lists by", "sessions.label", hosts="each", hosts_behind="none"),
    ),
    "Your desktop, from within a session": (
        Verb("copy", "Put text or stdin on your clipboard", "desktop.copy", hosts="none", hosts_behind="none"),
        Verb("paste", "Print what is on your clipboard", "desktop.paste", hosts="none"),
        Verb("browse", "Open a page in your browser", "desktop.browse", hosts="none", hosts_behind="none"),
    ),
    "End, keep and restore": (
        Verb("kill", "End sessions and what runs in them", "sessions.kill", short="-k", hosts="each"),
        Verb("kill-all", "End all sessions on this machine", "sessions.kill_all", short="-K", hosts="each"),
        Verb(
            "resume-with", "Set the command that restarts a session", "sessions.resume_with",
            hosts="each", takes_command=True,
        ),
        Verb("restore", "Restart the sessions that a reboot or crash has ended", "layout.restore", hosts="each"),
        Verb("export", "Print the layout of your sessions as JSON", "layout.export", hosts="all"),
        Verb(
            "import", "Create the sessions of an export that are missing", "layout.import_",
            why_one="the layout says on which host each session starts", hosts_behind="none",
        ),
        Verb("sweep", "Clear ended and lost sessions, and other leftovers", "upkeep.sweep", hosts="each"),
    ),
    "Other machines": (
        Verb(
            "forward", "Reach a port of a host at the same port here", "forward.forward",
            why_one="each port is one of one host",
        ),
        Verb("hosts", "List the known hosts: version, last use, sessions", "deploy.hosts", hosts="none"),
        Verb("deploy", "Install this version of sesh on other hosts", "deploy.deploy", hosts="all", hosts_behind="all"),
        Verb("upgrade", "Install this version of sesh on all known remotes", "deploy.upgrade", hosts="none"),
        Verb("forget", "Forget a host: lists no longer ask it", "deploy.forget", hosts="all", hosts_behind="all"),
    ),
    "AI agents": (
        Verb(
            "state", "Set the state of a session, from a program inside it", "agents.state",
            hosts="none", hosts_behind="none",
        ),
        Verb("integrate", "Have Claude Code, Codex or Gemini report their state", "agents.integrate", hosts="none"),
        Verb("mcp", "Serve the Model Context Protocol", "agents.mcp", hosts="none"),
        Verb("skill", "Print a page that teaches an agent to use sesh", "agents.skill", hosts="all"),
    ),
    "Setup": (
        Verb("doctor", "Check the setup and suggest fixes", "upkeep.doctor", hosts="each"),
        Verb("shell-init", "Print the shell integration", "setup.shell_init", hosts="all"),
        Verb("completions", "Print the completion script for a shell", "setup.completions", hosts="all"),
        Verb("reload", "Move running sessions to this version of sesh", "sessions.reload", hosts="each"),
        Verb("help", "Show this page; `sesh VERB --help` says more", "setup.help_", short="-h", hosts="all"),
        Verb("version", "Print the version", "setup.version", short="-V", hosts="all"),
    ),
}  # fmt: skip
HAS_TYPER = sys.version_info >= (3, 10)  # a host's Python may be 3.9
_HIDDEN = (  # agents' hooks, other hosts and deploys call these, without typer
    Verb("hook", "Handle an event of an agent", "hook.hook", hosts_behind="none"),
    Verb("bridge", "Serve a link from another host", "bridge.bridge", hosts_behind="none"),
    Verb("trial", "Try this version", "trial.trial", hosts_behind="none"),
)

VERBS = tuple(verb for group in GROUPS.values() for verb in group)
BY_NAME = {verb.name: verb for verb in (*VERBS, *_HIDDEN)}
_BY_WORD = {
    **{verb.name: verb for verb in VERBS},
    **{f"--{verb.word}": verb for verb in BY_NAME.values() if verb.word},
    **{verb.short: verb for verb in VERBS if verb.short},
    **{word: verb for verb in VERBS if verb.alias for word in (verb.alias, f"--{verb.alias}")},
    "-v": BY_NAME["version"],  # as many programs have it
}


def words_for(name: str) -> str:
    """Return the words after the program's name that attach to a session."""
    return name if find_verb(name) is None else f"{GO} {name}"


def similar_verb(name: str) -> str:
    """Return the verb that a name resembles or equals; empty for none."""
    return nearest(name, (verb.name for verb in VERBS), _SIMILAR)


def find_verb(word: str) -> Verb | None:
    """Return the verb that a word names, with or without dashes; None for another word."""
    return _BY_WORD.get(word)
