"""`--skill`: the page that an agent reads before it uses sesh."""

from __future__ import annotations

import os
import re

from sesh.about import CALLED, PROGRAM
from sesh.cli import printing
from sesh.cli.invocation import Invocation


def skill(cli: Invocation) -> int:
    """`--skill`: print the page, its commands by the name that this sesh was called by."""
    with open(os.path.join(os.path.dirname(__file__), "skill.md"), encoding="utf-8") as file:
        text = file.read()
    if CALLED != PROGRAM:
        text = re.sub(rf"\b{PROGRAM} (?=[-@])", f"{CALLED} ", text)
    if cli.json:
        return cli.value({"skill": text})
    printing.write(text.encode())
    return 0
