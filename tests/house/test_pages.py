"""The pages: their links lead somewhere, their pictures are there, and no picture shows where it was made."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from glob import glob
from itertools import takewhile

from bench import document
from docs.pictures import PICTURES
from sesh.cli import misread, parser
from sesh.errors import SeshError
from tests.house.source import read
from tests.support import ROOT

PAGES = sorted(
    os.path.relpath(path, ROOT)
    for pages in ("*.md", "docs/*.md", "tests/*.md", "examples/**/*.md")
    for path in glob(f"{ROOT}/{pages}", recursive=True)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
BENCH = re.compile(r"/tmp/|/root\b|/work/|sesh-far|seshtest")


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        there = os.path.exists(os.path.join(ROOT, target))
        if not there or (anchor and anchor not in anchors(target)):
            found.append(f"{page}: {link}")
    return found


def words_of(line: str) -> list[str]:
    """The words of a line's first command, as a shell splits them."""
    found = shlex.shlex(line, posix=True, punctuation_chars=True)
    found.whitespace_split = True
    return list(takewhile(lambda word: not set(word) <= set("();<>|&"), found))


def commands(page: str) -> Iterator[str]:
    """The commands of sesh on a page, in blocks and in the text; those with an ellipsis are none."""
    text = read(page)
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if language in ("", "sh", "bash")]
    indented = re.findall(r"^    (?:\$ )?(sesh(?:-mux)? .*)$", text, re.MULTILINE)
    spans = re.findall(r"`(sesh(?:-mux)? [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [line for block in blocks for line in block.splitlines()] + indented + spans:
        if re.match(r"sesh(?:-mux)? ", line) and not re.search(
            r"…|\.\.\.|\[|\bversion\b|--VERB|^sesh --?\w+$|\$\(", line
        ):
            yield line


def test_every_command_on_the_pages_is_one_that_sesh_understands() -> None:
    wrong = []
    for page in PAGES:
        for command in commands(page):
            try:
                words = words_of(command)[1:]
                line = parser.split(words)
                if not line.help and parser.parse(line) is None:
                    raise misread.error(line)
            except (SeshError, ValueError) as error:
                wrong.append(f"{page}: {command}: {error}")
    assert wrong == []


def test_links_between_the_pages_lead_somewhere() -> None:
    assert "README.md" in PAGES
    assert [each for page in PAGES for each in broken(page)] == []


def test_the_readme_is_a_page_that_one_reads_and_its_blocks_fit_the_column_of_a_site() -> None:
    text = read("README.md")
    assert len(text.splitlines()) <= 160
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 92] == []


def test_every_page_leads_to_all_pages() -> None:
    missing = {page for page in PAGES if page.startswith("docs/") and "[all pages](README.md)" not in read(page)}
    assert missing == {"docs/README.md", "docs/AGENTS.md"}, "the second is also printed by --skill"


def shown(page: str) -> Iterator[str]:
    """The pictures that a page shows, as `![…](…)` or in a `<picture>`, by their paths."""
    for pattern in (
        r"!\[[^]]+\]\(([^)\s]+\.svg)\)",
        r"<source [^>]*srcset=\"([^\"]+)\"",
        r"<img [^>]*src=\"([^\"]+)\"",
    ):
        for path in re.findall(pattern, read(page)):
            yield os.path.normpath(os.path.join(os.path.dirname(page), path))


def test_the_pictures_are_those_that_are_drawn_and_shown() -> None:
    names = PICTURES
    drawn = {f"docs/pictures/{name}{look}.svg" for name in names for look in ("", "-dark")}
    there = {os.path.relpath(path, ROOT) for path in glob(f"{ROOT}/docs/**/*.svg", recursive=True)}
    assert there == drawn | {f"docs/{document.PICTURE}"}
    assert f"docs/{document.PICTURE}" in shown("docs/BENCHMARKS.md")
    assert {path for page in PAGES for path in shown(page)} == there


def test_every_picture_on_a_page_says_in_words_what_it_shows_and_is_there_for_dark_pages() -> None:
    found = 0
    for page in PAGES:
        for picture in re.findall(r"<picture>(.*?)</picture>", read(page), re.DOTALL):
            light = re.search(r'<img [^>]*src="([^"]+)\.svg"', picture)
            assert light is not None, page
            dark = f'<source media="(prefers-color-scheme: dark)" srcset="{light[1]}-dark.svg">'
            assert dark in picture, f"{page}: {light[1]}"
            assert re.search(r'<img [^>]*alt="[^"]{20,}"', picture), f"{page}: {light[1]}"
            found += 1
    assert found


def test_no_picture_shows_where_it_was_made() -> None:
    for picture in glob(f"{ROOT}/docs/**/*.svg", recursive=True):
        assert BENCH.search(re.sub("<[^>]*>", "", read(os.path.relpath(picture, ROOT)))) is None, picture
