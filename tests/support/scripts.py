"""Scripts of the checkout that are no part of a package, as modules."""

from __future__ import annotations

import importlib.util
import os
from types import ModuleType

from tests.support.tools import ROOT


def script(path: str) -> ModuleType:
    """The module in a file of the checkout; what stands under `__main__` does not run."""
    spec = importlib.util.spec_from_file_location(os.path.basename(path).removesuffix(".py"), os.path.join(ROOT, path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
