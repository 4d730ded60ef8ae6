"""`--trial`: what a deploy has a new version do before it switches to it."""

from __future__ import annotations

from sesh.cli.invocation import Invocation
from sesh.cli.verbs import HAS_TYPER
from sesh.ops import jobs
from sesh.schema.facts import JobSpec, Spec


def trial(cli: Invocation) -> int:
    """Load a verb, start a daemon and a program in it, and exit with the program's exit code."""
    if HAS_TYPER:
        from sesh.cli import app  # noqa: PLC0415 - typer, which Python 3.9 does without

        app.built("list")
    spec: Spec = {"directory": None, "command": ["true"], "env": [], "label": [], "size": None}
    job: JobSpec = {"name": None, "spec": spec, "keep": False, "timeout": None}
    with cli.recording_signals(tie=True, message="the trial may have started") as interrupts:
        _, result, _ = jobs.run(cli.line_target, job, interrupts, wanted=False)
    return int(result["exit_code"] or 0)
