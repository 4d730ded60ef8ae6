"""The examples of docs/API.md, as they stand there."""

from __future__ import annotations

import doctest
import os

from tests.remote.farm import Farm
from tests.support import ROOT, Home


def test_the_examples_of_the_page_do_what_it_says(here: Home, farm: Farm) -> None:
    farm.host("box")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with open(os.path.join(ROOT, "docs", "API.md"), encoding="utf-8") as page:
        test = doctest.DocTestParser().get_doctest(page.read(), {}, "API.md", "docs/API.md", 0)
    report: list[str] = []
    result = runner.run(test, out=report.append)
    assert result.attempted > 30
    assert result.failed == 0, "".join(report)
