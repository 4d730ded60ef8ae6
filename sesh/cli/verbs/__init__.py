"""The verbs as typer knows them: their words and their help. What they do stands in the module of each family."""

from __future__ import annotations

from typer.core import TyperGroup
from typer.main import get_command

from sesh.cli import group, parser
from sesh.cli.verbs import driving, keeping, looking, serving, sessions, shape, upkeep

FAMILIES = (sessions, driving, looking, keeping, serving, upkeep)
"""Loading them declares their verbs."""


def declared() -> TyperGroup:
    """All verbs, as they are declared."""
    built = get_command(shape.app)
    if not isinstance(built, TyperGroup):
        raise TypeError("typer made no group of the verbs")
    return built


def run(argv: list[str]) -> int:
    """Parses and carries out a line; the exit code. Raises SeshError."""
    return group.run(declared(), argv)


def gists() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The first words of each verb's help, and what each of its options does."""
    return group.gists(declared())


def help_of(line: parser.Line) -> str:
    """The help that a line asks for."""
    return group.helped(declared(), line)
