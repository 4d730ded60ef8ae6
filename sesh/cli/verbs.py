"""The verb table: each verb of the command line, defined once.

The parser, typer's help and errors, completion in three shells and the manual page are all made from it. It is
loaded whenever sesh starts, so it holds plain data and imports nothing that is not loaded anyway.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FLAG, VALUE, MANY, MAYBE = range(4)
"""Kinds of options: without a value; with one; with one, any number of times; with one or without."""
ONE, EACH, ALL = range(3)
"""The hosts of a verb: one at the most; several, for each of which it is carried out (see `fanout`); several, which its
function deals with."""


class Option:
    """One option: its spellings (long form first), its help.

    `metavar`: the name of its value; empty for a flag, in brackets if it may be missing. `key`: the keyword argument of
    its function, by default its long form with `_` for dashes. `many`: may be repeated.
    """

    def __init__(self, spellings: str, help: str, metavar: str = "", *, key: str = "", many: bool = False) -> None:  # noqa: A002
        self.spellings = tuple(spellings.split())
        self.key = key or self.spellings[0][2:].replace("-", "_")
        self.help, self.metavar = help, metavar
        self.kind = MANY if many else MAYBE if metavar[:1] == "[" else VALUE if metavar else FLAG


class Verb:
    """One verb. All texts are shown to users.

    `name`: the long form, empty for the form without a verb. `words`: the keys of its plain words; one that ends with
    `?` may be missing, `*` takes all that are left, `+` at least one. `gather`: the key under which the function gets
    all plain words as one list instead. `run`: module and function of sesh.cli that carry it out. `session`: it names
    one existing session, which is looked for on known remotes too. `command`: all after `--` is a command.
    `hosts`: how many it takes, and who deals with them. `attaches`: it may lead to an attachment.
    """

    def __init__(  # noqa: PLR0913 (a row of the table)
        self,
        name: str,
        short: str,
        run: str,
        usage: str,
        help: str,  # noqa: A002
        *examples: str,
        words: tuple[str, ...] = (),
        options: tuple[Option, ...] = (),
        gather: str = "",
        session: bool = False,
        command: bool = False,
        hosts: int = ONE,
        attaches: bool = False,
    ) -> None:
        self.name, self.short, self.run, self.usage, self.help, self.examples = name, short, run, usage, help, examples
        self.words, self.options, self.gather = words, options, gather
        self.session, self.command, self.attaches = session, command, attaches
        self.hosts = hosts

    @property
    def spelled(self) -> dict[str, Option]:
        """The options by each of their spellings."""
        return {word: option for option in self.options for word in option.spellings}

    @property
    def several(self) -> bool:
        """True if it takes several hosts."""
        return self.hosts != ONE

    @property
    def text(self) -> str:
        """The help, and whether it takes several hosts."""
        line = f"Takes several hosts and groups of hosts: `sesh @a @b {self.name}`."
        return f"{self.help}\n\n{line}" if self.several else self.help

    @property
    def summary(self) -> str:
        """The first sentence of the help, without its full stop."""
        return self.help.partition("\n")[0].partition(". ")[0].rstrip(".")

    def function(self) -> Callable[..., int]:
        """Return the function that carries the verb out; only its module is loaded."""
        module, _, name = self.run.rpartition(".")
        function: Callable[..., int] = getattr(__import__(f"sesh.cli.{module}", fromlist=[name]), name)
        return function


_ENV = Option("--env", "Set a variable for the program; may be repeated.", "K=V", many=True)
_LABEL = Option("--label", "Set a label; may be repeated.", "K=V", many=True)
_LABELLED = Option("--label", "Only sessions with this label; may be repeated.", "K=V", many=True)
_SIZE = Option("--size", "Its columns and rows until a terminal attaches, as 200x50.", "COLUMNSxROWS")
_DETACHED = Option("-d", "Do not attach or wait; print the name.", key="detached")
_ANSI = Option("--ansi", "Keep escape sequences in the output.")
_JOIN = Option("--join", "Attach beside other clients (the default).")
_VIEW = (
    Option("--read-only -r", "Only watch; keys are ignored."),
    Option("--replay", "Replay scrollback that this terminal has seen before too."),
    Option("--no-replay", "Do not replay scrollback; show only the screen."),
    Option("--predict", "On slow links to other hosts, show keys before their echo: adaptive, always, never.", "WHEN"),
    Option("--no-detach-key", "Pass the detach key to the program; leave with `sesh --detach`."),
)
_ATTACHING = (_JOIN, Option("--replace", "Detach the other clients."), *_VIEW)

VERBS = (
    Verb(
        "", "", "attach.go", "[DIR] [OPTIONS] [-- CMD…]",
        "Attach to NAME; if there is none, create it in DIR with CMD or your shell. `-` is the session attached last.",
        "sesh work", "sesh dev ~/project", "sesh build -- make -j8", "sesh -",
        words=("name?", "directory?"), gather="words", options=(*_ATTACHING, _ENV, _LABEL), command=True, attaches=True,
    ),
    Verb(
        "--attach", "-a", "attach.attach", "NAME [OPTIONS]",
        "Attach to NAME, which must exist (-A NAME creates it, as plain NAME does).",
        "sesh --attach work", "sesh --attach --read-only work",
        words=("name",), options=_ATTACHING, session=True, attaches=True,
    ),
    Verb(
        "--open", "", "sessions.open_", "NAME [DIR] [OPTIONS] [-- CMD…]",
        "Make sure that NAME runs, without attaching; succeeds if it runs already.",
        "sesh --open work", "sesh --open web ~/site --label team=web -- make serve",
        words=("name", "directory?"), options=(_ENV, _LABEL, _SIZE), command=True, hosts=EACH,
    ),
    Verb(
        "--new", "-n", "attach.new", "[NAME] [DIR] [OPTIONS] [-- CMD…]",
        "Create a session, without NAME under the lowest free number. If NAME already runs, ask, "
        "or fail without a terminal.",
        "sesh --new", "sesh --new -d web ~/site -- make serve", "sesh --new web --new-name",
        words=("name?", "directory?"),
        options=(
            _DETACHED,
            _JOIN,
            Option("--replace", "End the session of that name first."),
            Option("--new-name", "Use the next free name: NAME-2, NAME-3, …"),
            *_VIEW,
            _ENV,
            _LABEL,
            _SIZE,
        ),
        command=True, attaches=True,
    ),
    Verb(
        "--list", "-l", "list.list_", "[--label K=V]…",
        "List the sessions and what runs in them. The current one is marked *; ! and the words in brackets tell what "
        "happened since you were attached. --label lists only sessions with that label.",
        "sesh", "sesh --list --json", "sesh --list --label team=web", "sesh @web1 @web2 --list",
        options=(_LABELLED, Option("--watch", "Keep the list up to date.")), hosts=ALL,
    ),
    Verb(
        "--watch", "", "choose.watch", "[--label K=V]…",
        "List the sessions and keep the list up to date; leave with q or Ctrl-C.\n\n"
        "Who waits for you or has failed stands above, with the question. The arrow keys mark one; y, n, a digit and "
        "Enter answer it, / begins a line of text, a attaches (leaving it brings the list back), r asks all again. The "
        "terminal rings and tells what begins to wait, fails or rings meanwhile.",
        "sesh --watch", "sesh @gpu --watch", "sesh --watch --json",
        options=(_LABELLED,), hosts=ALL,
    ),
    Verb(
        "--pick", "", "choose.pick", "[OPTIONS]",
        "Choose a session with arrow keys or letters, its screen beside the list; or a directory to begin one in.\n\n"
        "The session attached last comes first. Letters search names, hosts, directories, commands and titles. Ctrl-X "
        "kills the marked session, Ctrl-R restarts it (both ask), Ctrl-E renames it, Ctrl-O detaches its clients, "
        "Ctrl-L shows its lines in the pager. Below the sessions stand directories, zoxide's where you have it, else "
        "those of past sessions: Enter creates a session there, as --here does.",
        "sesh --pick", "sesh @gpu --pick", "sesh --pick --label team=web",
        options=(*_ATTACHING, _LABELLED), hosts=ALL, attaches=True,
    ),
    Verb(
        "--next", "", "choose.next_", "[OPTIONS]",
        "Go to the session that has waited longest for you, here or on a known remote; once more, to the next.\n\n"
        "Inside a session it switches this terminal. Where no session waits it says so, and fails with 1.",
        "sesh --next", "sesh @gpu --next", "sesh --next --label team=web",
        options=(*_ATTACHING, _LABELLED), hosts=ALL, attaches=True,
    ),
    Verb(
        "--here", "", "attach.here", "[DIR] [OPTIONS]",
        "Attach to the session named after this directory's repository, created here if there is none.\n\n"
        "In a worktree of git the name is REPO-BRANCH, outside of any repository that of the directory. If a session "
        "of another directory has the name, it is NAME-2.",
        "sesh --here", "sesh --here ~/src/app", "sesh @gpu --here",
        words=("directory?",), options=_ATTACHING, attaches=True,
    ),
    Verb(
        "--detach", "-x", "sessions.detach", "[NAME]",
        "Detach all clients of NAME; without NAME, typed in a session, this client.",
        "sesh --detach", "sesh --detach work",
        words=("name?",), session=True,
    ),
    Verb(
        "--kill", "-k", "sessions.kill", "[NAME…]",
        "End sessions and what runs in them: SIGHUP, and SIGKILL after 2 s. Without NAME the session it is typed in.",
        "sesh --kill work", "sesh --kill build test", "sesh --kill",
        words=("names*",), session=True, hosts=EACH,
    ),
    Verb(
        "--kill-all", "-K", "sessions.kill_all", "[-y]",
        "End all sessions on this machine; asks first on a terminal.",
        "sesh --kill-all", "sesh --kill-all -y",
        options=(Option("-y", "Do not ask.", key="yes"),),
    ),
    Verb(
        "--rename", "", "sessions.rename", "[OLD] NEW",
        "Rename a session; without OLD the session it is typed in.",
        "sesh --rename work play", "sesh --rename play",
        words=("name", "new?"), session=True,
    ),
    Verb(
        "--exec", "-e", "jobs.exec_", "[NAME] [OPTIONS] -- CMD…",
        "Run CMD in its own session, wait, and exit with its exit code. Meanwhile `sesh NAME` shows it.\n\n"
        "Ctrl-C sends SIGINT to CMD. The third within 2 s, and any other end of sesh, leaves it running.",
        "sesh --exec build -- make -j8", "sesh --exec --print --timeout 60 -- ./check.sh", "sesh -e job -d -- backup",
        words=("name?",), gather="words",
        options=(
            Option("-C", "The directory that it runs in.", "DIR", key="directory"),
            Option("--print", "Print its output when it ends, of more than 32 MiB the end.", key="printed"),
            Option("--follow", "Print its output as it comes."),
            Option("--keep", "Keep the ended session readable until --kill."),
            Option("--timeout", "End it after S seconds.", "S"),
            Option("--stdin", "Feed it the standard input of sesh."),
            Option("--tie", "End it, as --kill does, when sesh gets SIGINT, SIGTERM or SIGHUP; Ctrl-C is SIGINT."),
            _DETACHED,
            _ENV,
            _LABEL,
            _SIZE,
        ),
        command=True, hosts=EACH,
    ),
    Verb(
        "--run", "", "shell.run", "NAME [OPTIONS] -- CMD…",
        "Run CMD in NAME's shell; print exactly its output and exit with its exit code. A single word is shell source. "
        "CMD reads the session's terminal, never the standard input of sesh.",
        "sesh --run work -- make test", "sesh --run work --timeout 60 -- 'cd src && ls | wc -l'",
        "sesh --run work --json -- ./check.sh", "sesh @web1 @web2 --run work -- git pull",
        words=("name",),
        options=(
            Option("--timeout", "Stop waiting after S seconds, with 124; the command goes on.", "S"),
            Option("--no-wait", "Return as soon as the command has begun."),
            _ANSI,
        ),
        session=True, command=True, hosts=EACH,
    ),
    Verb(
        "--send", "", "send.send", "NAME [TEXT…] [--enter] [--key KEY]… [--if-waiting [REGEX]] [--force]",
        "Type TEXT, its words joined by blanks, and keys into a session, in the order given. TEXT - is stdin.",
        "sesh --send work 'make test' --enter", "sesh --send work --key C-c", "sesh --send work - < notes.txt",
        "sesh --send agent y --enter --if-waiting 'may I run: make'",
        words=("name", "text*"),
        options=(
            Option("--enter", "Press Enter once the program has taken TEXT in, and say if it was submitted."),
            Option("--key", "Press KEY: C-c, M-x, Enter, Tab, Up, F5, …", "KEY", many=True),
            Option(
                "--if-waiting", "Only if it waits for a person, and what it asks matches REGEX, which stands last.",
                "[REGEX]",
            ),
            Option("--force", "With --enter: type into somebody's draft, or where the program asks something, too."),
        ),
        session=True, hosts=EACH,
    ),
    Verb(
        "--wait", "", "wait.wait", "NAME… [OPTIONS]",
        "Wait until one of the conditions holds, and print which. Looks at output since the last --send or "
        "--run, else from now on.\n\n"
        "Of several sessions it waits until one holds for each, and exits with the first code that is not 0.",
        "sesh --wait build --exit", "sesh --wait work --prompt --timeout 60",
        "sesh --wait web --for 'listening on port [0-9]+' --idle 30", "sesh --wait agent --waiting",
        "sesh --wait build test --exit", "sesh --wait --label team=web --waiting --any",
        words=("names*",),
        options=(
            Option("--any", "Wait for the first of several sessions only.", key="any_"),
            Option("--label", "Wait for the sessions with this label; may be repeated.", "K=V", many=True),
            Option("--exit", "The session has ended; exit with its exit code (the default).", key="exit_"),
            Option("--prompt", "Its shell is at its prompt."),
            Option("--waiting", "It waits for a person."),
            Option("--idle", "It printed nothing for S seconds.", "S"),
            Option("--for", "A line matches REGEX.", "REGEX", key="pattern"),
            Option("--from", "Count output from POS, the position that --send --json prints.", "POS", key="start"),
            Option("--since-start", "Count all output that is kept."),
            Option("--timeout", "Exit with 124 after S seconds.", "S"),
        ),
        session=True, hosts=ALL,
    ),
    Verb(
        "--events", "", "events.events", "[NAME] [--since N] [--log]",
        "Print NAME's events until it ends; without NAME, those of all sessions of this machine, or of @HOST, "
        "including new ones.",
        "sesh --events work", "sesh --events --json", "sesh --events work --since 0", "sesh --events --log",
        "sesh @web1 @web2 --events",
        words=("name?",),
        options=(
            Option("--since", "First replay the events after number N; 0 replays all that are kept.", "N"),
            Option("--log", "Show the event log of remotes: connections, deployments, files pushed."),
        ),
        session=True, hosts=EACH,
    ),
    Verb(
        "--screen", "", "views.screen", "[NAME] [--format F]",
        "Print the current screen; without NAME that of the session it is typed in.",
        "sesh --screen work", "sesh --screen work --format svg > work.svg",
        words=("name?",), options=(Option("--format", "text, ansi, json, svg or html.", "F", key="form"),),
        session=True, hosts=EACH,
    ),
    Verb(
        "--logs", "", "views.logs", "[NAME [N]] [-f] [--ansi] [--pager]",
        "Print the last N lines of scrollback and screen (300); without NAME those of the session it is typed in.",
        "sesh --logs work 50", "sesh --logs work -f", "sesh --logs work --ansi | less -R",
        words=("name?", "count?"),
        options=(
            Option("-f", "Then print new lines as they come, until it ends.", key="follow"),
            Option("--ansi", "Keep colours."),
            Option("--pager", "Show all lines that are kept in $PAGER, at the end."),
        ),
        session=True, hosts=EACH,
    ),
    Verb(
        "--grep", "", "grep.grep", "REGEX [NAME…] [-C N] [-i]",
        "Search scrollback and screen of the sessions of this machine, or of @HOST, also of those that have ended or "
        "were lost; exits with 1 if nothing was found. Without NAME it searches all of them; typed in a session, that "
        "one. On a terminal Enter opens the text there in $PAGER.",
        "sesh --grep 'error|failed'", "sesh --grep -i warning build -C 2", "sesh @gpu --grep loss train",
        "sesh @web1 @web2 --grep error",
        words=("pattern", "names*"),
        options=(
            Option("-C", "Show N lines around each hit.", "N", key="context"),
            Option("-i", "Take large and small letters for the same.", key="ignore_case"),
        ),
        hosts=ALL,
    ),
    Verb(
        "--history", "", "shell.history", "[NAME [N]]",
        "List the commands of --run, and typed ones (see --shell-init); with N, print that command's output. "
        "Without NAME those of the session it is typed in.",
        "sesh --history work", "sesh --history work 3",
        words=("name?", "number?"), options=(_ANSI,), session=True,
    ),
    Verb(
        "--status", "", "status.status", "[NAME]",
        "Print everything known about a session; without NAME the one it is typed in.",
        "sesh --status work", "sesh --status work --json",
        words=("name?",), session=True, hosts=EACH,
    ),
    Verb(
        "--state", "", "send.state", "STATE [TEXT…]",
        "Typed by a program inside a session: how it stands (working, waiting, idle, done, failed), and what it asks. "
        "After -- all words are TEXT, also --json.",
        'sesh --state waiting "may I push?"', "sesh --state working", 'sesh --state done -- "$summary"',
        words=("state", "text*"),
    ),
    Verb(
        "--integrate", "", "integrate.integrate", "claude|codex|gemini [--remove]",
        "Add hooks to an AI agent's own settings: it tells its session when it works, asks and is done, and by which "
        "command its conversation is resumed.",
        "sesh --integrate claude", "sesh --integrate codex --remove",
        words=("agent",), options=(Option("--remove", "Take them out again."),),
    ),
    Verb(
        "--message", "", "sessions.message", "NAME TEXT…",
        "Show TEXT to attached clients; the program does not see it.",
        "sesh --message work 'the build is done'",
        words=("name", "texts+"), session=True,
    ),
    Verb(
        "--label", "", "sessions.label", "NAME K=V…",
        "Set labels; `K=` removes one.",
        "sesh --label work team=web", "sesh --label work team=",
        words=("name", "labels+"), session=True,
    ),
    Verb(
        "--resume-with", "", "sessions.resume_with", "[NAME] -- CMD…",
        "Keep CMD as the command that NAME is started with when it has ended or was lost; `--` alone forgets it. "
        "Typed by a program inside, as a hook, without NAME.",
        'sesh --resume-with -- claude --resume "$id"', "sesh --resume-with agent -- ./agent --continue",
        "sesh --resume-with agent --",
        words=("name?",), session=True, command=True,
    ),
    Verb(
        "--restore", "", "layout.restore", "[NAME…] [-y]",
        "Start the sessions again that a reboot or a crash has taken, each in its directory, below its old screen.\n\n"
        "A shell begins at once, and so does the command of --resume-with; any other command begins when you press "
        "Enter in it, or at once with -y. What ended by itself is left alone. The environment is yours: values "
        "of --env are kept in no file.",
        "sesh --restore", "sesh --restore work agent", "sesh --restore -y", "sesh @web1 @web2 --restore",
        words=("names*",), options=(Option("-y", "Begin each command at once.", key="yes"),), session=True, hosts=EACH,
    ),
    Verb(
        "--record", "", "recording.record", "NAME FILE [--since-start] [--force]",
        "Record what NAME prints from now on to FILE, for asciinema to play, until it ends or you press Ctrl-C.",
        "sesh --record work work.cast", "sesh --record work work.cast --since-start",
        "sesh @gpu --record train train.cast",
        words=("name", "file"), session=True,
        options=(
            Option("--since-start", "First record what the session still keeps, at time 0."),
            Option("--force", "Overwrite FILE."),
        ),
    ),
    Verb(
        "--export", "", "layout.export", "",
        "Print the sessions here and on known remotes as JSON: name, host, directory, command, resume, labels.",
        "sesh --export > sessions.json", "sesh @gpu --export", "sesh --export --local --json",
    ),
    Verb(
        "--import", "", "layout.import_", "[FILE]",
        "Create the sessions of an --export that are missing; without FILE, or with -, it reads stdin.",
        "sesh --import sessions.json", "sesh --import - < sessions.json", "sesh @gpu --import -",
        words=("file?",),
    ),
    Verb(
        "--sweep", "", "sweep.sweep", "[--older 168h] [--all] [--dry-run]",
        "Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.\n\n"
        "The oldest comes first. What still lives (a daemon without files, a bridge without its link) is ended only if "
        "you say so; a session that runs, and one of another machine, is never touched. It asks before it forgets a "
        "session; without a terminal it clears only what has been left for a week, or for as long as --older says.",
        "sesh --sweep --dry-run", "sesh --sweep --older 168h", "sesh @gpu --sweep",
        options=(
            Option("--older", "Only what is older: 168h, 7d, 90m, 30s; without a terminal 168h.", "T"),
            Option("--all", "Also end processes that still run, without asking.", key="all_"),
            Option("-y", "The same as --all.", key="yes"),
            Option("--dry-run", "Only list what would be cleared."),
        ),
        hosts=ALL,
    ),
    Verb(
        "--doctor", "", "doctor.doctor", "[--report]",
        "Check the setup and suggest fixes; exits with 1 if sesh cannot work.",
        "sesh --doctor", "sesh @gpu --doctor", "sesh --doctor --report",
        hosts=ALL, options=(Option("--report", "Print what an issue needs, without secrets."),),
    ),
    Verb(
        "--shell-init", "", "scripts.shell_init", "bash|zsh|fish",
        "Print shell integration: typed commands in --history, a fresh DISPLAY and session name.",
        'eval "$(sesh --shell-init bash)"', "sesh --shell-init fish | source",
        words=("shell",),
    ),
    Verb(
        "--deploy", "", "deploy.deploy", "@HOST… [--force]",
        "Install this version of sesh on other hosts.",
        "sesh --deploy @box", "sesh --deploy @web1 @web2",
        words=("hosts*",), options=(Option("--force", "Replace a ~/.local/bin/sesh that sesh did "
                                                               "not install."),),
        hosts=ALL,
    ),
    Verb(
        "--upgrade", "", "deploy.upgrade", "",
        "Install this version of sesh on every known remote.",
        "sesh --upgrade",
    ),
    Verb(
        "--forget", "", "deploy.forget", "@HOST…",
        "Forget a known remote: lists and lookups do not ask it any more. Nothing is changed on the host.",
        "sesh --forget @box",
        words=("hosts*",), hosts=ALL,
    ),
    Verb(
        "--undeploy", "", "deploy.undeploy", "@HOST…",
        "Remove the sesh that --deploy put on a host, with all that it keeps there, and forget the host.\n\n"
        "It refuses while a session runs there.",
        "sesh --undeploy @box",
        words=("hosts*",), hosts=EACH,
    ),
    Verb(
        "--reload", "", "sessions.reload", "[NAME…]",
        "Have running daemons adopt this version of sesh, without ending what runs in them; without NAME all of them.",
        "sesh --reload", "sesh --reload work", "sesh @gpu --reload",
        words=("names*",), session=True, hosts=EACH,
    ),
    Verb(
        "--completions", "", "scripts.completions", "bash|zsh|fish",
        "Print the completion script for a shell; installing sesh puts it where most shells look.",
        'eval "$(sesh --completions bash)"', "sesh --completions fish | source",
        words=("shell",),
    ),
    Verb(
        "--mcp", "", "mcp.mcp", "",
        "Serve the Model Context Protocol on stdin and stdout, for agents; "
        "tools take a host. Needs the extra sesh-mux[mcp].",
        "sesh --mcp", "claude mcp add sesh -- sesh --mcp",
    ),
    Verb(
        "--skill", "", "agents.skill", "",
        "Print a page that teaches an agent to use sesh: Markdown, with its name and description as an agent skill.",
        "sesh --skill", "mkdir -p ~/.claude/skills/sesh && sesh --skill > ~/.claude/skills/sesh/SKILL.md",
    ),
    Verb(
        "--schema", "", "agents.schema", "[VERB]",
        "Print the JSON Schema of what VERB prints with --json; without VERB of what each verb prints.",
        "sesh --schema list", "sesh --schema > sesh.schema.json",
        words=("verb?",),
    ),
    Verb(
        "--help", "-h", "main.help_", "",
        "Show help; `sesh --VERB --help` for one verb.",
        "sesh --help", "sesh --exec --help",
    ),
    Verb(
        "--version", "-V", "main.version", "",
        "Print the version.",
        "sesh --version",
    ),
)  # fmt: skip

HIDDEN = (
    Verb("--hook", "", "integrate.hook", "AGENT", "Take an event of an agent, on stdin.", words=("agent*",)),
    Verb("--bridge", "", "main.bridge", "", "Serve a link from another host, frames on stdin and stdout.", ),
    Verb(
        "--complete", "", "complete.complete", "", "Answer the completion scripts.", words=("shell*",),
        command=True,
    ),
)  # fmt: skip
"""Verbs that nobody types: of agents' hooks, of a link from another host, and of the completion scripts."""

BY_NAME = {verb.name: verb for verb in (*VERBS, *HIDDEN)}

EVERYWHERE = (
    ("@HOST", "Run it on that host, over ssh; comes before the verb, or before NAME."),
    ("--json", "Print one JSON value, errors too (also with SESH_JSON=1)."),
    ("--local", "Do not ask known remotes."),
)
"""The words that every verb takes."""
