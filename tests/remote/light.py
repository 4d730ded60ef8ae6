"""Deploys that cost little, for tests of all else in them: a bundle of the packages that most verbs load, one trial.

What is sent, verified, unpacked, tried and put into service is the same besides.
"""

from __future__ import annotations

import functools
import re

from sesh.remote.deploy import bundle, deploy

TRIALS = deploy.TRIALS[:1]
_LOADED = re.compile(
    r"lib/(ptyprocess|pyte|sesh|typer|shellingham|annotated_doc|wcwidth)/(?!table_grapheme_overrides/_known_)"
)


@functools.cache
def build() -> bundle.Bundle:
    return bundle.Bundle({path: data for path, data in bundle.build().files.items() if _LOADED.match(path)})
