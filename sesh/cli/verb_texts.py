"""The help of each verb: how it is typed, what it does, examples, a line for each option. See the table in `verbs`.

Users see all of these texts. They are loaded for help, completion and errors alone.
"""

from __future__ import annotations


class Texts:
    """The texts of one verb. `options`: by their first spelling."""

    def __init__(self, usage: str, help: str, *examples: str, options: dict[str, str] | None = None) -> None:  # noqa: A002
        self.usage, self.help, self.examples, self.options = usage, help, examples, options or {}


_ENV = {"--env": "Set a variable for the program; may be repeated."}
_LABEL = {"--label": "Set a label; may be repeated."}
_LABELLED = {"--label": "Only sessions with this label; may be repeated."}
_SIZE = {"--size": "Its columns and rows until a terminal attaches, as 200x50."}
_DETACHED = {"-d": "Do not attach or wait; print the name."}
_ANSI = {"--ansi": "Keep escape sequences in the output."}
_JOIN = {"--join": "Attach beside other clients (the default)."}
_VIEW = {
    "--read-only": "Only watch; keys are ignored.",
    "--replay": "Replay scrollback that this terminal has seen before too.",
    "--no-replay": "Do not replay scrollback; show only the screen.",
    "--predict": "On slow links to other hosts, show keys before their echo: adaptive, always, never.",
    "--no-detach-key": "Pass the detach key to the program; leave with `sesh --detach`.",
}
_ATTACHING = {
    **_JOIN,
    "--replace": "Detach the other clients.",
    **_VIEW,
}

TEXTS = {
    "": Texts(
        "[DIR] [OPTIONS] [-- CMD…]",
        "Attach to NAME; if there is none, create it in DIR with CMD or your shell. `-` is the session attached last.",
        "sesh work", "sesh dev ~/project", "sesh build -- make -j8", "sesh -",
        options={
            **_ATTACHING,
            **_ENV,
            **_LABEL,
        },
    ),
    "--attach": Texts(
        "NAME [OPTIONS]",
        "Attach to NAME, which must exist (-A NAME creates it, as plain NAME does).",
        "sesh --attach work", "sesh --attach --read-only work",
        options={
            **_ATTACHING,
        },
    ),
    "--open": Texts(
        "NAME [DIR] [OPTIONS] [-- CMD…]",
        "Make sure that NAME runs, without attaching; succeeds if it runs already.",
        "sesh --open work", "sesh --open web ~/site --label team=web -- make serve",
        options={
            **_ENV,
            **_LABEL,
            **_SIZE,
        },
    ),
    "--new": Texts(
        "[NAME] [DIR] [OPTIONS] [-- CMD…]",
        "Create a session, without NAME under the lowest free number. If NAME already runs, ask, or fail without a "
        "terminal.",
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
        "[--label K=V]…",
        "List the sessions and what runs in them. The current one is marked *; ! and the words in brackets tell what "
        "happened since you were attached. --label lists only sessions with that label.",
        "sesh", "sesh --list --json", "sesh --list --label team=web", "sesh @web1 @web2 --list",
        options={
            **_LABELLED,
            "--watch": "Keep the list up to date.",
        },
    ),
    "--watch": Texts(
        "[--label K=V]…",
        "List the sessions and keep the list up to date; leave with q or Ctrl-C.\n\nWho waits for you or has failed "
        "stands above, with the question. The arrow keys mark one; y, n, a digit and Enter answer it, / begins a "
        "line of text, a attaches (leaving it brings the list back), r asks all again. The terminal rings and tells "
        "what begins to wait, fails or rings meanwhile.",
        "sesh --watch", "sesh @gpu --watch", "sesh --watch --json",
        options={
            **_LABELLED,
        },
    ),
    "--pick": Texts(
        "[OPTIONS]",
        "Choose a session with arrow keys or letters, its screen beside the list; or a directory to begin one in.\n\n"
        "The session attached last comes first. Letters search names, hosts, directories, commands and titles. "
        "Ctrl-X kills the marked session, Ctrl-R restarts it (both ask), Ctrl-E renames it, Ctrl-O detaches its "
        "clients, Ctrl-L shows its lines in the pager. Below the sessions stand directories, zoxide's where you have "
        "it, else those of past sessions: Enter creates a session there, as --here does.",
        "sesh --pick", "sesh @gpu --pick", "sesh --pick --label team=web",
        options={
            **_ATTACHING,
            **_LABELLED,
        },
    ),
    "--next": Texts(
        "[OPTIONS]",
        "Go to the session that has waited longest for you, here or on a known remote; once more, to the next.\n\n"
        "Inside a session it switches this terminal. Where no session waits it says so, and fails with 1.",
        "sesh --next", "sesh @gpu --next", "sesh --next --label team=web",
        options={
            **_ATTACHING,
            **_LABELLED,
        },
    ),
    "--here": Texts(
        "[DIR] [OPTIONS]",
        "Attach to the session named after this directory's repository, created here if there is none.\n\nIn a "
        "worktree of git the name is REPO-BRANCH, outside of any repository that of the directory. If a session of "
        "another directory has the name, it is NAME-2.",
        "sesh --here", "sesh --here ~/src/app", "sesh @gpu --here",
        options={
            **_ATTACHING,
        },
    ),
    "--detach": Texts(
        "[NAME]",
        "Detach all clients of NAME; without NAME, typed in a session, this client.",
        "sesh --detach", "sesh --detach work",
    ),
    "--kill": Texts(
        "[NAME…]",
        "End sessions and what runs in them: SIGHUP, and SIGKILL after 2 s. Without NAME the session it is typed in.",
        "sesh --kill work", "sesh --kill build test", "sesh --kill",
    ),
    "--kill-all": Texts(
        "[-y]",
        "End all sessions on this machine; asks first on a terminal.",
        "sesh --kill-all", "sesh --kill-all -y",
        options={
            "-y": "Do not ask.",
        },
    ),
    "--rename": Texts(
        "[OLD] NEW",
        "Rename a session; without OLD the session it is typed in.",
        "sesh --rename work play", "sesh --rename play",
    ),
    "--exec": Texts(
        "[NAME] [OPTIONS] -- CMD…",
        "Run CMD in its own session, wait, and exit with its exit code. Meanwhile `sesh NAME` shows it.\n\nCtrl-C "
        "sends SIGINT to CMD. The third within 2 s, and any other end of sesh, leaves it running.",
        "sesh --exec build -- make -j8", "sesh --exec --print --timeout 60 -- ./check.sh", "sesh -e job -d -- backup",
        options={
            "-C": "The directory that it runs in.",
            "--print": "Print its output when it ends, of more than 32 MiB the end.",
            "--follow": "Print its output as it comes.",
            "--keep": "Keep the ended session readable until --kill.",
            "--timeout": "End it after S seconds.",
            "--stdin": "Feed it the standard input of sesh.",
            "--tie": "End it, as --kill does, when sesh gets SIGINT, SIGTERM or SIGHUP; Ctrl-C is SIGINT.",
            **_DETACHED,
            **_ENV,
            **_LABEL,
            **_SIZE,
        },
    ),
    "--run": Texts(
        "NAME [OPTIONS] -- CMD…",
        "Run CMD in NAME's shell; print exactly its output and exit with its exit code. A single word is shell "
        "source. CMD reads the session's terminal, never the standard input of sesh.",
        "sesh --run work -- make test", "sesh --run work --timeout 60 -- 'cd src && ls | wc -l'",
        "sesh --run work --json -- ./check.sh", "sesh @web1 @web2 --run work -- git pull",
        options={
            "--timeout": "Stop waiting after S seconds, with 124; the command goes on.",
            "--no-wait": "Return as soon as the command has begun.",
            **_ANSI,
        },
    ),
    "--send": Texts(
        "NAME [TEXT…] [--enter] [--key KEY]… [--if-waiting [REGEX]] [--force]",
        "Type TEXT, its words joined by blanks, and keys into a session, in the order given. TEXT - is stdin.",
        "sesh --send work 'make test' --enter", "sesh --send work --key C-c", "sesh --send work - < notes.txt",
        "sesh --send agent y --enter --if-waiting 'may I run: make'",
        options={
            "--enter": "Press Enter once the program has taken TEXT in, and say if it was submitted.",
            "--key": "Press KEY: C-c, M-x, Enter, Tab, Up, F5, …",
            "--if-waiting": "Only if it waits for a person, and what it asks matches REGEX, which stands last.",
            "--force": "With --enter: type into somebody's draft, or where the program asks something, too.",
        },
    ),
    "--wait": Texts(
        "NAME… [OPTIONS]",
        "Wait until one of the conditions holds, and print which. Looks at output since the last --send or --run, "
        "else from now on.\n\nOf several sessions it waits until one holds for each, and exits with the first code "
        "that is not 0.",
        "sesh --wait build --exit", "sesh --wait work --prompt --timeout 60",
        "sesh --wait web --for 'listening on port [0-9]+' --idle 30", "sesh --wait agent --waiting",
        "sesh --wait build test --exit", "sesh --wait --label team=web --waiting --any",
        options={
            "--any": "Wait for the first of several sessions only.",
            "--label": "Wait for the sessions with this label; may be repeated.",
            "--exit": "The session has ended; exit with its exit code (the default).",
            "--prompt": "Its shell is at its prompt.",
            "--waiting": "It waits for a person.",
            "--idle": "It printed nothing for S seconds.",
            "--for": "A line matches REGEX.",
            "--from": "Count output from POS, the position that --send --json prints.",
            "--since-start": "Count all output that is kept.",
            "--timeout": "Exit with 124 after S seconds.",
        },
    ),
    "--events": Texts(
        "[NAME] [--since N] [--log]",
        "Print NAME's events until it ends; without NAME, those of all sessions of this machine, or of @HOST, "
        "including new ones.",
        "sesh --events work", "sesh --events --json", "sesh --events work --since 0", "sesh --events --log",
        "sesh @web1 @web2 --events",
        options={
            "--since": "First replay the events after number N; 0 replays all that are kept.",
            "--log": "Show the event log of remotes: connections, deployments, files pushed.",
        },
    ),
    "--screen": Texts(
        "[NAME] [--format F]",
        "Print the current screen; without NAME that of the session it is typed in.",
        "sesh --screen work", "sesh --screen work --format svg > work.svg",
        options={
            "--format": "text, ansi, json, svg or html.",
        },
    ),
    "--logs": Texts(
        "[NAME [N]] [-f] [--ansi] [--pager]",
        "Print the last N lines of scrollback and screen (300); without NAME those of the session it is typed in.",
        "sesh --logs work 50", "sesh --logs work -f", "sesh --logs work --ansi | less -R",
        options={
            "-f": "Then print new lines as they come, until it ends.",
            "--ansi": "Keep colours.",
            "--pager": "Show all lines that are kept in $PAGER, at the end.",
        },
    ),
    "--grep": Texts(
        "REGEX [NAME…] [-C N] [-i]",
        "Search scrollback and screen of the sessions of this machine, or of @HOST, also of those that have ended or "
        "were lost; exits with 1 if nothing was found. Without NAME it searches all of them; typed in a session, "
        "that one. On a terminal Enter opens the text there in $PAGER.",
        "sesh --grep 'error|failed'", "sesh --grep -i warning build -C 2", "sesh @gpu --grep loss train",
        "sesh @web1 @web2 --grep error",
        options={
            "-C": "Show N lines around each hit.",
            "-i": "Take large and small letters for the same.",
        },
    ),
    "--history": Texts(
        "[NAME [N]]",
        "List the commands of --run, and typed ones (see --shell-init); with N, print that command's output. Without "
        "NAME those of the session it is typed in.",
        "sesh --history work", "sesh --history work 3",
        options={
            **_ANSI,
        },
    ),
    "--status": Texts(
        "[NAME]",
        "Print everything known about a session; without NAME the one it is typed in.",
        "sesh --status work", "sesh --status work --json",
    ),
    "--state": Texts(
        "STATE [TEXT…]",
        "Typed by a program inside a session: how it stands (working, waiting, idle, done, failed), and what it "
        "asks. After -- all words are TEXT, also --json.",
        'sesh --state waiting "may I push?"', "sesh --state working", 'sesh --state done -- "$summary"',
    ),
    "--integrate": Texts(
        "claude|codex|gemini [--remove]",
        "Add hooks to an AI agent's own settings: it tells its session when it works, asks and is done, and by which "
        "command its conversation is resumed.",
        "sesh --integrate claude", "sesh --integrate codex --remove",
        options={
            "--remove": "Take them out again.",
        },
    ),
    "--message": Texts(
        "NAME TEXT…",
        "Show TEXT to attached clients; the program does not see it.",
        "sesh --message work 'the build is done'",
    ),
    "--label": Texts(
        "NAME K=V…",
        "Set labels; `K=` removes one.",
        "sesh --label work team=web", "sesh --label work team=",
    ),
    "--resume-with": Texts(
        "[NAME] -- CMD…",
        "Keep CMD as the command that NAME is started with when it has ended or was lost; `--` alone forgets it. "
        "Typed by a program inside, as a hook, without NAME.",
        'sesh --resume-with -- claude --resume "$id"', "sesh --resume-with agent -- ./agent --continue",
        "sesh --resume-with agent --",
    ),
    "--restore": Texts(
        "[NAME…] [-y]",
        "Start the sessions again that a reboot or a crash has taken, each in its directory, below its old "
        "screen.\n\nA shell begins at once, and so does the command of --resume-with; any other command begins when "
        "you press Enter in it, or at once with -y. What ended by itself is left alone. The environment is yours: "
        "values of --env are kept in no file.",
        "sesh --restore", "sesh --restore work agent", "sesh --restore -y", "sesh @web1 @web2 --restore",
        options={
            "-y": "Begin each command at once.",
        },
    ),
    "--record": Texts(
        "NAME FILE [--since-start] [--force]",
        "Record what NAME prints from now on to FILE, for asciinema to play, until it ends or you press Ctrl-C.",
        "sesh --record work work.cast", "sesh --record work work.cast --since-start",
        "sesh @gpu --record train train.cast",
        options={
            "--since-start": "First record what the session still keeps, at time 0.",
            "--force": "Overwrite FILE.",
        },
    ),
    "--export": Texts(
        "",
        "Print the sessions here and on known remotes as JSON: name, host, directory, command, resume, labels.",
        "sesh --export > sessions.json", "sesh @gpu --export", "sesh --export --local --json",
    ),
    "--import": Texts(
        "[FILE]",
        "Create the sessions of an --export that are missing; without FILE, or with -, it reads stdin.",
        "sesh --import sessions.json", "sesh --import - < sessions.json", "sesh @gpu --import -",
    ),
    "--sweep": Texts(
        "[--older 168h] [--all] [--dry-run]",
        "Clear leftovers: ended and lost sessions, stale files, orphaned processes, old versions.\n\nThe oldest "
        "comes first. What still lives (a daemon without files, a bridge without its link) is ended only if you say "
        "so; a session that runs, and one of another machine, is never touched. It asks before it forgets a session; "
        "without a terminal it clears only what has been left for a week, or for as long as --older says.",
        "sesh --sweep --dry-run", "sesh --sweep --older 168h", "sesh @gpu --sweep",
        options={
            "--older": "Only what is older: 168h, 7d, 90m, 30s; without a terminal 168h.",
            "--all": "Also end processes that still run, without asking.",
            "-y": "The same as --all.",
            "--dry-run": "Only list what would be cleared.",
        },
    ),
    "--doctor": Texts(
        "[--report]",
        "Check the setup and suggest fixes; exits with 1 if sesh cannot work.",
        "sesh --doctor", "sesh @gpu --doctor", "sesh --doctor --report",
        options={
            "--report": "Print what an issue needs, without secrets.",
        },
    ),
    "--shell-init": Texts(
        "bash|zsh|fish",
        "Print shell integration: typed commands in --history, a fresh DISPLAY and session name.",
        'eval "$(sesh --shell-init bash)"', "sesh --shell-init fish | source",
    ),
    "--deploy": Texts(
        "@HOST… [--force]",
        "Install this version of sesh on other hosts.",
        "sesh --deploy @box", "sesh --deploy @web1 @web2",
        options={
            "--force": "Replace a ~/.local/bin/sesh that sesh did not install.",
        },
    ),
    "--upgrade": Texts(
        "",
        "Install this version of sesh on every known remote.",
        "sesh --upgrade",
    ),
    "--forget": Texts(
        "@HOST…",
        "Forget a known remote: lists and lookups do not ask it any more. Nothing is changed on the host.",
        "sesh --forget @box",
    ),
    "--undeploy": Texts(
        "@HOST…",
        "Remove the sesh that --deploy put on a host, with all that it keeps there, and forget the host.\n\nIt "
        "refuses while a session runs there.",
        "sesh --undeploy @box",
    ),
    "--reload": Texts(
        "[NAME…]",
        "Have running daemons adopt this version of sesh, without ending what runs in them; without NAME all of them.",
        "sesh --reload", "sesh --reload work", "sesh @gpu --reload",
    ),
    "--completions": Texts(
        "bash|zsh|fish",
        "Print the completion script for a shell; installing sesh puts it where most shells look.",
        'eval "$(sesh --completions bash)"', "sesh --completions fish | source",
    ),
    "--mcp": Texts(
        "",
        "Serve the Model Context Protocol on stdin and stdout, for agents; tools take a host. Needs the extra "
        "sesh-mux[mcp].",
        "sesh --mcp", "claude mcp add sesh -- sesh --mcp",
    ),
    "--skill": Texts(
        "",
        "Print a page that teaches an agent to use sesh: Markdown, with its name and description as an agent skill.",
        "sesh --skill", "mkdir -p ~/.claude/skills/sesh && sesh --skill > ~/.claude/skills/sesh/SKILL.md",
    ),
    "--schema": Texts(
        "[VERB]",
        "Print the JSON Schema of what VERB prints with --json; without VERB of what each verb prints.",
        "sesh --schema list", "sesh --schema > sesh.schema.json",
    ),
    "--help": Texts(
        "",
        "Show help; `sesh --VERB --help` for one verb.",
        "sesh --help", "sesh --exec --help",
    ),
    "--version": Texts(
        "",
        "Print the version.",
        "sesh --version",
    ),
    "--hook": Texts(
        "AGENT",
        "Take an event of an agent, on stdin.",
    ),
    "--bridge": Texts(
        "",
        "Serve a link from another host, frames on stdin and stdout.",
    ),
    "--complete": Texts(
        "",
        "Answer the completion scripts.",
    ),
}  # fmt: skip

EVERYWHERE = (
    ("@HOST", "Run it on that host, over ssh; comes before the verb, or before NAME."),
    ("--json", "Print one JSON value, errors too (also with SESH_JSON=1)."),
    ("--local", "Do not ask known remotes."),
)
"""The words that every verb takes."""
