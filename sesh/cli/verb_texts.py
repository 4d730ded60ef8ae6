"""The help of each verb: its line in the overview, how it is typed, what it does, examples, a line for each option.

See the table in `verbs`. Users see all of these texts.
"""

from __future__ import annotations

GROUPS = GO, SEE, RUN, KEEP, HOSTS, AGENTS, SETUP = (
    "Go to a session",
    "See what goes on",
    "Run commands, and drive a session",
    "End, keep and restore",
    "Other machines",
    "AI agents",
    "Setup",
)
"""The groups of `sesh --help`, in their order; within one the verbs come in the order of the table."""


class Texts:
    """The texts of one verb.

    `group`: one of GROUPS, empty for a verb that nobody types. `short`: its line in the overview and in completions.
    `usage`: the words behind the verb; `{}` stands for its options. `options`: by their first spelling.
    """

    def __init__(
        self,
        group: str,
        short: str,
        usage: str,
        help: str,  # noqa: A002
        *examples: str,
        options: dict[str, str] | None = None,
    ) -> None:
        self.group, self.short, self.usage, self.help = group, short, usage, help
        self.examples, self.options = examples, options or {}


_TIME = "TIME (90 or 90s, 5m, 2h, 7d)"
_ENV = {"--env": "Set a variable for the program; may be repeated."}
_LABEL = {"--label": "Set a label; may be repeated."}
_LABELLED = {"--label": "Only sessions with this label; may be repeated."}
_SIZE = {"--size": "Its columns and rows until a terminal attaches, as 200x50."}
_DETACHED = {"-d": "Return at once, and print the session's name."}
_ANSI = {"--ansi": "Keep colours and other escape sequences."}
_FOLLOW = {"--follow": "Print new output as it comes, until the session ends."}
_PATIENCE = {"--timeout": f"Stop waiting after {_TIME}, with exit code 124; nothing is ended."}
_JOIN = {"--join": "Attach beside other clients (the default)."}
_VIEW = {
    "--read-only": "Only watch; keys are ignored.",
    "--no-replay": "Show only the screen, no scrollback.",
    "--no-detach-key": "Pass the detach key to the program; leave with `sesh --detach`.",
}
_ATTACHING = {
    **_JOIN,
    "--replace": "Detach the other clients.",
    **_VIEW,
}

TEXTS = {
    "": Texts(
        GO, "Go to NAME, or start it; - goes to the last session",
        "[DIR] {} [-- CMD…]",
        "Attach to NAME, here or on a known remote; if there is none, create it here, in DIR with CMD or your shell. "
        "A session with CMD ends when CMD does, and its output is gone if CMD succeeds: --exec keeps a job's output. "
        "`sesh -` returns to the session attached last; `sesh -A NAME` is the same as `sesh NAME`.",
        "sesh work", "sesh dev ~/project", "sesh db -- sqlite3 shop.db", "sesh -",
        options={
            **_ATTACHING,
            **_ENV,
            **_LABEL,
        },
    ),
    "--attach": Texts(
        GO, "Go to NAME, which must exist",
        "NAME {}",
        "Attach to NAME, which must exist.",
        "sesh --attach work", "sesh --attach --read-only work",
        options={
            **_ATTACHING,
        },
    ),
    "--open": Texts(
        RUN, "Start NAME unless it runs, without going to it",
        "NAME [DIR] {} [-- CMD…]",
        "Make sure that NAME runs, without attaching; succeeds if it runs already.",
        "sesh --open work", "sesh --open web ~/site --label team=web -- make serve",
        options={
            **_ENV,
            **_LABEL,
            **_SIZE,
        },
    ),
    "--new": Texts(
        GO, "Start a new session; without NAME it gets a number",
        "[NAME] [DIR] {} [-- CMD…]",
        "Create a session and attach to it; without NAME it gets the lowest free number. If NAME already runs, sesh "
        "asks; without a terminal it fails.",
        "sesh --new", "sesh --new -d web ~/site -- make serve", "sesh --new web --new-name",
        options={
            **_DETACHED,
            **_JOIN,
            "--replace": "End the session of that name first.",
            "--new-name": "Use the next free name: NAME-2, NAME-3, …",
            **_VIEW,
            **_ENV,
            **_LABEL,
            **_SIZE,
        },
    ),
    "--list": Texts(
        SEE, "List the sessions and what runs in them",
        "{}",
        "List the sessions and what runs in them, here and on known remotes.\n\n* marks the session that you are in, ? "
        "one whose host does not answer. ! and the words in brackets say what happened since you were attached.",
        "sesh", "sesh --list --json", "sesh --list --label team=web", "sesh @web1 @web2 --list",
        options={
            **_LABELLED,
            "--watch": "The same as the verb --watch.",
        },
    ),
    "--watch": Texts(
        SEE, "Keep the list on screen; answer sessions that wait",
        "{}",
        "Show the sessions and keep them up to date, the marked one's screen beside them; Escape leaves.\n\nSessions "
        "that wait for you come first, then running ones whose program reports a failure; one that has failed unseen "
        "stays in the list (a job of --exec: with --keep), and sesh NAME shows its last screen. Letters filter. Tab "
        "opens a line to answer the marked session, below its question, and Enter sends it. Enter alone attaches "
        "(leaving the session brings the list back, except in a session: there the terminal switches to the other "
        "one). Ctrl-X ends the marked session (asks), Ctrl-E renames it. If a session begins to wait, fails or rings "
        "meanwhile, the terminal rings and shows a notification.",
        "sesh --watch", "sesh @gpu --watch", "sesh --watch --json",
        options={
            **_LABELLED,
        },
    ),
    "--pick": Texts(
        GO, "Choose a session from a list, its screen beside it",
        "{}",
        "Choose a session with the arrow keys or by typing, its screen beside the list; or a directory to start one "
        "in.\n\nThe session attached last comes first. What you type searches names, hosts, directories, commands and "
        "titles. Tab answers the marked session if it waits, Ctrl-X ends it (asks), Ctrl-E renames it. Below the "
        "sessions come the directories of past ones: Enter creates a session there, as --here does.",
        "sesh --pick", "sesh @gpu --pick", "sesh --pick --label team=web",
        options={
            **_ATTACHING,
            **_LABELLED,
        },
    ),
    "--next": Texts(
        GO, "Go to the session that has waited longest for you",
        "{}",
        "Go to the session that has waited longest for you, here or on a known remote; repeat for the next one.\n\n"
        "Inside a session it switches this terminal. If no session waits, it says so and exits with 1.",
        "sesh --next", "sesh @gpu --next", "sesh --next --label team=web",
        options={
            **_ATTACHING,
            **_LABELLED,
        },
    ),
    "--here": Texts(
        GO, "Go to the session of this directory's repository",
        "[DIR] {}",
        "Attach to the session named after this directory's repository; if it does not exist, create it here.\n\nIn a "
        "git worktree the name is REPO-BRANCH, outside a repository that of the directory. If a session of another "
        "directory has that name, it is NAME-2.",
        "sesh --here", "sesh --here ~/src/app", "sesh @gpu --here",
        options={
            **_ATTACHING,
        },
    ),
    "--detach": Texts(
        GO, "Leave the session, or detach everyone from NAME",
        "[NAME]",
        "Detach all clients of NAME; without NAME, inside a session, only this client.",
        "sesh --detach", "sesh --detach work",
    ),
    "--kill": Texts(
        KEEP, "End sessions and what runs in them",
        "[NAME…] {}",
        "End sessions and what runs in them: SIGHUP, then SIGKILL after 2 s. Without NAME, the session that you are "
        "in; with --label, those that have it, here or on @HOST. On a terminal it asks first then; with several hosts "
        "it needs -y.\n\n"
        "A NAME that is not here is looked for on known remotes. On a terminal sesh asks before it ends that one; a "
        "script ends it without a question, unless it says --local.",
        "sesh --kill work", "sesh --kill build test", "sesh --kill --label team=shop", "sesh --kill",
        options={
            **_LABELLED,
            "-y": "Do not ask.",
        },
    ),
    "--kill-all": Texts(
        KEEP, "End all sessions on this machine",
        "{}",
        "End all sessions on this machine, or on @HOST; on a terminal it asks first. With several hosts it needs -y.",
        "sesh --kill-all", "sesh --kill-all -y", "sesh @web --kill-all -y",
        options={
            "-y": "Do not ask.",
        },
    ),
    "--rename": Texts(
        RUN, "Rename a session",
        "[OLD] NEW",
        "Rename a session; without OLD, the one that you are in.",
        "sesh --rename work play", "sesh --rename play",
    ),
    "--exec": Texts(
        RUN, "Run CMD in its own session, and exit with its code",
        "[NAME] {} -- CMD…",
        "Run CMD in its own session, wait, and exit with its exit code. Its output is printed with --print or --follow "
        "only; meanwhile `sesh NAME` shows it. That is the output of a terminal, also in a pipe: stderr is part of it, "
        "and programs may colour it or fit it to the columns (--size). Without NAME the session gets the lowest free "
        "number.\n\n"
        "Its result is kept for a week, also without --keep: --wait, --status and --logs read it.\n\n"
        "Ctrl-C sends SIGINT to CMD. The third within 2 s, Ctrl-\\, and any other end of sesh leave it running.",
        "sesh --exec build -f -- make -j8", "sesh --exec --print --timeout 5m -- ./check.sh",
        "sesh -e test -d -- make test",
        options={
            "-C": "Run it in DIR.",
            "--print": "Print its output when it ends; of more than 32 MiB only the end.",
            **_FOLLOW,
            "--keep": "Leave it in the list once it has ended: sesh NAME shows its last screen, until --kill.",
            "--timeout": f"End it after {_TIME}, with exit code 124.",
            "--stdin": "Feed it the standard input of sesh.",
            "--tie": "End it, as --kill does, when sesh gets SIGINT (Ctrl-C), SIGTERM or SIGHUP, or its window closes.",
            **_DETACHED,
            **_ENV,
            **_LABEL,
            **_SIZE,
        },
    ),
    "--run": Texts(
        RUN, "Run CMD in the shell of a session; print its output",
        "NAME {} -- CMD…",
        "Run CMD in NAME's shell; print exactly its output and exit with its exit code. A single word is shell "
        "source, as in the second example. CMD reads the session's terminal, never the standard input of sesh.",
        "sesh --run work -- make test", "sesh --run work --timeout 5m -- 'ls src | wc -l'",
        "sesh --run work --json -- ./check.sh", "sesh @web1 @web2 --run work -- git pull",
        options={
            **_PATIENCE,
            "--no-wait": "Return as soon as CMD has begun; --history has its output later.",
            **_ANSI,
        },
    ),
    "--send": Texts(
        RUN, "Type text and keys into a session",
        "NAME [TEXT…] {}",
        "Type TEXT, Enter if wanted, then keys. The words of TEXT are joined by spaces; - is stdin.",
        "sesh --send work 'make test' --enter", "sesh --send work --key C-c", "sesh --send work - < notes.txt",
        "sesh --send agent y --enter --question 'may I run: make'", "sesh --send editor :wq --enter",
        options={
            "--enter": "Press Enter once the program has read and shown TEXT; exit 1 if there was no Enter.",
            "--key": "Press KEY: C-c, M-x, Enter, Tab, Up, F5, …",
            "--question": "Only if it waits for a person, and asks what matches REGEX; . matches any question.",
            "--force": "With --enter: type even behind what a person has typed, or where the program asks.",
        },
    ),
    "--wait": Texts(
        RUN, "Wait for text, a prompt, a question, silence or the end",
        "[NAME…] {}",
        "Wait until one of the conditions holds, and print which. Output counts from the last --send or --run, else "
        "from now on.\n\nGiven several sessions, it waits until one holds for each, and exits with the first code that "
        "is not 0.",
        "sesh --wait build --exit", "sesh --wait work --prompt --timeout 5m",
        "sesh --wait web --for 'listening on port [0-9]+' --idle 30", "sesh --wait agent --waiting",
        "sesh --wait build test --exit", "sesh --wait --label team=web --waiting --any",
        options={
            "--any": "Wait only for the first of several sessions.",
            "--label": "Also the sessions with this label; may be repeated.",
            "--exit": "The session has ended; exit with its exit code (the default).",
            "--prompt": "Its shell is at its prompt.",
            "--waiting": "It waits for a person.",
            "--idle": f"It has printed nothing for {_TIME}.",
            "--for": "A line matches REGEX.",
            "--from": "Look only at output after POS, the position that --send --json prints.",
            "--since-start": "Look at all output that is kept.",
            **_PATIENCE,
        },
    ),
    "--events": Texts(
        SEE, "Follow what happens: starts, ends, questions, bells",
        "[NAME] {}",
        "Print NAME's events until it ends; without NAME, those of all sessions on this machine, or on @HOST, new ones "
        "included.",
        "sesh --events work", "sesh --events --json", "sesh --events work --since 0", "sesh --events --log",
        "sesh @web1 @web2 --events",
        options={
            "--since": "First print the events after number N; 0 prints all that are kept.",
            "--log": "Print the event log of remotes: connections, deployments, files pushed.",
        },
    ),
    "--screen": Texts(
        SEE, "Print what the screen shows now",
        "[NAME] {}",
        "Print what the screen shows now; without NAME, that of the session that you are in.",
        "sesh --screen work", "sesh --screen work --format ansi",
        options={
            "--format": "text, ansi or json.",
        },
    ),
    "--logs": Texts(
        SEE, "Print the last lines of output; -f follows",
        "[NAME [N]] {}",
        "Print the last N lines of scrollback and screen (300); without NAME, those of the session that you are in.\n\n"
        "What `clear` or Ctrl-L erases in a session is no longer there; --history NAME N may still have it.",
        "sesh --logs work 50", "sesh --logs work -f", "sesh --logs work --ansi | less -R",
        options={
            **_FOLLOW,
            **_ANSI,
        },
    ),
    "--grep": Texts(
        SEE, "Search what sessions have printed",
        "REGEX [NAME…] {}",
        "Search scrollback and screen of the sessions on this machine, or on @HOST, ended and lost ones too; exits "
        "with 1 if nothing was found. Without NAME it searches all of them, or the session that you are in; a job of "
        "--exec that is gone only with its NAME.",
        "sesh --grep 'error|failed'", "sesh --grep -i warning build -C 2", "sesh @gpu --grep loss train",
        "sesh @web1 @web2 --grep error",
        options={
            "-C": "Show N lines around each match.",
            "-i": "Ignore case.",
        },
    ),
    "--history": Texts(
        SEE, "List commands run in a session, or show one's output",
        "[NAME [N]] {}",
        "List the commands of --run, and typed ones (see --shell-init); with N, print that command's output. Without "
        "NAME, those of the session that you are in.",
        "sesh --history work", "sesh --history work 3",
        options={
            **_ANSI,
        },
    ),
    "--status": Texts(
        SEE, "Show everything known about a session",
        "[NAME]",
        "Print everything known about a session; without NAME, the one that you are in.\n\n"
        "The exit code is 0 also for one that has ended or is lost, and 1 if there is none; --json has its state.",
        "sesh --status work", "sesh --status work --json",
    ),
    "--state": Texts(
        AGENTS, "Set the state of a session, from a program inside it",
        "STATE [TEXT…]",
        "Set the state of the session that it runs in: working, waiting, idle, done or failed. TEXT is the question or "
        "a remark. All words after -- are TEXT, even --json.",
        'sesh --state waiting "may I push?"', "sesh --state working", 'sesh --state done -- "$summary"',
    ),
    "--integrate": Texts(
        AGENTS, "Have Claude Code, Codex or Gemini report their state",
        "claude|codex|gemini {}",
        "Add hooks to an AI agent's own settings. The agent then reports when it works, asks and is done, and which "
        "command resumes its conversation.",
        "sesh --integrate claude", "sesh --integrate codex --remove",
        options={
            "--remove": "Remove these hooks.",
        },
    ),
    "--label": Texts(
        RUN, "Set or remove labels, to filter lists by",
        "NAME K=V…",
        "Set labels; `K=` removes one.",
        "sesh --label work team=web", "sesh --label work team=",
    ),
    "--resume-with": Texts(
        KEEP, "Set the command that starts a session again",
        "[NAME] -- CMD…",
        "Set the command that starts NAME again once it has ended or was lost; `--` alone removes it. Without NAME, "
        "that of the session that it runs in, as in a hook.",
        'sesh --resume-with -- claude --resume "$id"', "sesh --resume-with agent -- ./agent --continue",
        "sesh --resume-with agent --",
    ),
    "--restore": Texts(
        KEEP, "Start sessions again that a reboot or crash has ended",
        "[NAME…] {}",
        "Start sessions again that a reboot or a crash has ended, each in its directory, below its old "
        "screen.\n\nA shell starts at once, and so does the command of --resume-with; any other command starts when "
        "you press Enter in it, or at once with -y. Sessions that ended by themselves are left alone. The environment "
        "is the one that you call it in: values of --env are not kept.",
        "sesh --restore", "sesh --restore work agent", "sesh --restore -y", "sesh @web1 @web2 --restore",
        options={
            "-y": "Start each command at once.",
        },
    ),
    "--export": Texts(
        KEEP, "Print the layout of your sessions as JSON",
        "",
        "Print the sessions here and on known remotes as JSON: name, host, directory, command, resume command, labels.",
        "sesh --export > sessions.json", "sesh @gpu --export", "sesh --export --local --json",
    ),
    "--import": Texts(
        KEEP, "Create the sessions of an --export that are missing",
        "[FILE]",
        "Create the sessions of an --export that are missing, and start those again that have ended or are lost; "
        "without FILE, or with -, it reads stdin.",
        "sesh --import sessions.json", "sesh --import - < sessions.json", "sesh @gpu --import - < sessions.json",
    ),
    "--sweep": Texts(
        KEEP, "Clear ended and lost sessions, and other leftovers",
        "{}",
        "Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.\n\nThe oldest "
        "come first. Processes that still run (a daemon without files, a bridge without its link) are ended only if "
        "you agree; running sessions, and those of another machine, are never touched. It asks before it forgets a "
        "session; without a terminal it clears only what is older than a week, or than --older.",
        "sesh --sweep --dry-run", "sesh --sweep --older 7d", "sesh @gpu --sweep",
        options={
            "--older": f"Only what is older than {_TIME}; without a terminal 7d by default.",
            "--all": "Also end processes that still run, without asking.",
            "-y": "The same as --all.",
            "--dry-run": "Only list what would be cleared.",
        },
    ),
    "--doctor": Texts(
        SETUP, "Check the setup and suggest fixes",
        "{}",
        "Check the setup and suggest fixes; exits with 1 if sesh cannot work.",
        "sesh --doctor", "sesh @gpu --doctor",
    ),
    "--shell-init": Texts(
        SETUP, "Print the shell integration",
        "bash|zsh|fish",
        "Print the shell integration, for your shell's startup file. It adds typed commands to --history, and keeps "
        "DISPLAY and the session's name up to date.",
        'eval "$(sesh --shell-init bash)"', "sesh --shell-init fish | source",
    ),
    "--deploy": Texts(
        HOSTS, "Install this version of sesh on other hosts",
        "@HOST… {}",
        "Install this version of sesh on other hosts.",
        "sesh --deploy @box", "sesh --deploy @web1 @web2",
        options={
            "--force": "Replace a ~/.local/bin/sesh that sesh did not install.",
        },
    ),
    "--upgrade": Texts(
        HOSTS, "Install this version of sesh on all known remotes",
        "",
        "Install this version of sesh on all known remotes.",
        "sesh --upgrade",
    ),
    "--forget": Texts(
        HOSTS, "Forget a host: lists no longer ask it",
        "@HOST…",
        "Forget a known remote: lists and lookups no longer ask it. Nothing is changed on the host.",
        "sesh --forget @box",
    ),
    "--undeploy": Texts(
        HOSTS, "Remove sesh from a host",
        "@HOST…",
        "Remove the sesh that --deploy installed on a host, with all that it keeps there, and forget the host.\n\nIt "
        "refuses while a session runs there.",
        "sesh --undeploy @box",
    ),
    "--reload": Texts(
        SETUP, "Move running sessions to this version of sesh",
        "[NAME…]",
        "Move running sessions to this version of sesh, without ending what runs in them; without NAME, all of them.",
        "sesh --reload", "sesh --reload work", "sesh @gpu --reload",
    ),
    "--completions": Texts(
        SETUP, "Print the completion script for a shell",
        "bash|zsh|fish",
        "Print the completion script for a shell. `make install` and pipx install it; otherwise evaluate it in your "
        "shell's startup file.",
        'eval "$(sesh --completions bash)"', "sesh --completions fish | source",
    ),
    "--mcp": Texts(
        AGENTS, "Serve the Model Context Protocol",
        "",
        "Serve the Model Context Protocol on stdin and stdout, for agents; its tools take a host. Needs the "
        "extra `mcp`: make install EXTRAS=mcp.",
        "sesh --mcp", "claude mcp add sesh -- sesh --mcp",
    ),
    "--skill": Texts(
        AGENTS, "Print a page that teaches an agent to use sesh",
        "",
        "Print a page that teaches an agent to use sesh: Markdown, with the name and description of an agent skill.",
        "sesh --skill", "mkdir -p ~/.claude/skills/sesh && sesh --skill > ~/.claude/skills/sesh/SKILL.md",
    ),
    "--help": Texts(
        SETUP, "Show this page; `sesh --VERB --help` says more",
        "",
        "Show the overview; `sesh --VERB --help` shows the help of one verb.",
        "sesh --help", "sesh --exec --help",
    ),
    "--version": Texts(
        SETUP, "Print the version",
        "",
        "Print the version.",
        "sesh --version",
    ),
    "--hook": Texts(
        "", "Take an event of an agent",
        "AGENT",
        "Take an event of an agent, on stdin.",
    ),
    "--bridge": Texts(
        "", "Serve a link from another host",
        "",
        "Serve a link from another host, frames on stdin and stdout.",
    ),
    "--complete": Texts(
        "", "Answer the completion scripts",
        "",
        "Answer the completion scripts.",
    ),
}  # fmt: skip

START = (
    ("sesh work", "Start the session work, or return to it. Ctrl-\\ leaves it."),
    ("sesh @gpu work", "The same on the host gpu, over ssh."),
    ("sesh", "List your sessions, here and on known remotes."),
)
"""The examples on top of the overview."""
EVERYWHERE = (
    ("@HOST", "Run it on that host, over ssh; comes before the verb, or before NAME."),
    ("--json", "Print one JSON value, or one per line as they come; errors too."),
    ("--local", "Use this machine only; do not ask known remotes."),
    ("--help, -h", "Show this help."),
)
"""The words that every verb takes."""
CODES = (
    ("0", "Success, also after you detach."),
    ("1", "Refused, or not found."),
    ("2", "Wrong usage, or an invalid name or host."),
    ("124", "Timed out."),
    ("125", "The command of --exec or --run did not run, and will not."),
    ("126, 127", "The command is not executable, or was not found."),
    ("128+N", "Ended by signal N."),
    ("255", "It began, or may have, and how it ended is not known: the message says how to look."),
    ("other", "The command's own exit code."),
)
"""The exit codes and what they mean."""
VARIABLES = """SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON, SESH_DEBUG, SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""
