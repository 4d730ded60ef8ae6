"""The README as a package index shows it, with links to the project's address."""

import re
from pathlib import Path

import setuptools

ROOT = Path(__file__).resolve().parent
LINK = re.compile(r"(!?\[[^]]*\]\(|\b(?:src|srcset|href)=\")(?![a-z]+:)([^)\"\s]+)")
"""What begins a link or a picture, in Markdown or HTML; and a path in this repository, or an anchor of the page."""


def only(pattern: str, path: str) -> str:
    """What the group of a pattern matches in a file."""
    (match,) = re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    return str(match)


def version() -> str:
    return only(r'^__version__ = "(.*)"$', "sesh/about.py")


def absolute(text: str) -> str:
    """Return a text whose links name the project's pages of this version."""
    source, tag = only(r'^Source = "(.*)"$', "pyproject.toml"), f"v{version()}"

    def link(match: re.Match[str]) -> str:
        before, path = match.groups()
        kind = "raw" if before.startswith(("!", "src")) else "blob"
        return f"{before}{source}/{kind}/{tag}/{'README.md' if path.startswith('#') else ''}{path}"

    return LINK.sub(link, text)


readme = absolute((ROOT / "README.md").read_text(encoding="utf-8"))
setuptools.setup(long_description=readme, long_description_content_type="text/markdown")
