"""Verbs for AI agents and the programs in a session: `state`, `integrate`, `mcp`, `skill`."""

from __future__ import annotations

import os
import sys
from importlib import util
from typing import Annotated, Literal

from typer import Argument, Option

from sesh.about import PROGRAM
from sesh.cli.parameters import Context, offering
from sesh.cli.printed import PrintedIntegrated, PrintedSkill, PrintedState, prints
from sesh.errors import Refused
from sesh.ops import agents
from sesh.text.safe import plain
from sesh.wire.protocol import STATES

_CODEX_ADVICE = """\
codex asks at its next start whether you trust them, or type /hooks in it
codex's shared server runs hooks without a terminal, where they do nothing; start codex --no-daemon"""


@prints(PrintedState)
def state(
    ctx: Context,
    state: Annotated[
        str,
        Argument(
            metavar="STATE",
            help="working, waiting, idle, done or failed.",
            show_default=False,
            autocompletion=offering(lambda: STATES),
        ),
    ],
    text: Annotated[
        list[str] | None, Argument(metavar="TEXT…", help="The question, or a remark.", show_default=False)
    ] = None,
) -> int:
    """Set the state of this session to working, waiting, idle, done or failed.

    TEXT is the question or a remark. All words after -- are TEXT, even --json.

    Examples:
      sesh state waiting "may I push?"
      sesh state working
      sesh state done -- "$summary"
    """
    return ctx.obj.out.done(name=agents.report(state, " ".join(text or [])), state=state)


@prints(PrintedIntegrated)
def integrate(
    ctx: Context,
    agent: Annotated[
        Literal["claude", "codex", "gemini"],
        Argument(metavar="claude|codex|gemini", help="Whose settings to change.", show_default=False),
    ],
    *,
    remove: Annotated[
        bool, Option("--remove", help="Remove these hooks. (forget uninstalls sesh from a host.)")
    ] = False,
) -> int:
    """Add hooks to an AI agent's own settings.

    The agent then reports when it works, asks and is done, and which command resumes its conversation. If its settings
    would lose a comment, the hooks are printed instead, to be added by hand.

    Examples:
      sesh integrate claude
      sesh integrate codex --remove
    """
    cli = ctx.obj
    path = agents.settings(agent)
    try:
        changed = agents.integrate(agent, remove=remove)
    except agents.ByHand:
        if not (cli.line.json or remove):
            cli.out.text(agents.snippet(agent))
        raise
    if not cli.line.json:
        done = "removed from" if remove else "added to"
        already = "are not in" if remove else "are in"
        cli.out.text(f"hooks of sesh {done if changed else f'{already} already:'} {plain(path)}")
    if changed and not (remove or cli.line.json):
        cli.out.text(_CODEX_ADVICE if agent == "codex" else f"{agent} loads them at its next start")
    return cli.out.done(agent=agent, path=path, changed=changed)


def mcp(_: Context) -> int:
    """Serve the Model Context Protocol to agents, on stdin and stdout.

    Its tools take a host. It needs the extra `mcp`: make install EXTRAS=mcp.

    Examples:
      sesh mcp
      claude mcp add sesh -- sesh mcp
    """
    if util.find_spec("mcp") is None or util.find_spec("mcp.server.mcpserver") is None:
        hint = f"install it with: {sys.executable} -m pip install 'mcp>=2,<3'"
        raise Refused("sesh mcp needs version 2 of the Model Context Protocol SDK", hint=hint)
    if os.isatty(0):
        raise Refused("sesh mcp is for programs, not terminals", hint=f"add `{PROGRAM} mcp` to your agent's settings")
    from sesh.mcp.serve import serve  # noqa: PLC0415 - loads mcp

    code = serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread that still waits for a command would delay a normal exit


@prints(PrintedSkill)
def skill(ctx: Context) -> int:
    """Print a page that teaches an agent to use sesh: a skill in Markdown.

    Examples:
      sesh skill
      mkdir -p ~/.claude/skills/sesh
      sesh skill > ~/.claude/skills/sesh/SKILL.md
    """
    with open(os.path.join(os.path.dirname(__file__), "skill.md"), encoding="utf-8") as file:
        text = file.read()
    return ctx.obj.out.show({"skill": text}, text.removesuffix("\n"))
