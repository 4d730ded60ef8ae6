"""Deploys that cost little, for tests of all else in them: a bundle of the packages that most verbs load, one trial.

What is sent, verified, unpacked, tried and put into service is the same besides.
"""

from __future__ import annotations

import functools
import re

from sesh.remote.deploy import bundle

TRIALS = [["--version"]]
_LOADED = re.compile(
    r"lib/(ptyprocess|pyte|sesh|typer|shellingham|annotated_doc|wcwidth)/(?!table_grapheme_overrides/_known_)"
)


def files() -> dict[str, bytes]:
    return {path: data for path, data in bundle.files().items() if _LOADED.match(path)}


@functools.cache
def build() -> bundle.Bundle:
    return bundle.packed(files())
