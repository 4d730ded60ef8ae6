"""A finder and a loader for sesh's own modules that ask the system for less than Python's own.

Python's finder lists each directory of `sys.path` and tries five file names; its loader makes some ten system calls. A
verb that starts fast loads some forty modules, and spends a third of its time there. Here a module of sesh lies in the
directory of its package, and its bytecode is read in one go. Whatever is not as expected is left to Python's own: no
bytecode, older bytecode, other kinds of it.

No `from __future__`, as in `__main__`: that is a module too.
"""

import gc
import marshal
import sys
from _frozen_importlib import BuiltinImporter, ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]  # as Python's loader has it
from posix import O_CLOEXEC, O_RDONLY, close, open, read, stat  # noqa: A004 (`os` is not loaded yet)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import stat_result
    from types import CodeType, ModuleType
else:
    ModuleType = type(sys)

_LARGEST = 1 << 16
"""Bytes; Python's loader reads what is larger."""
USUAL = gc.get_threshold()
_COLLECTED = 10_000
"""New objects after which the garbage collector looks for cycles: `USUAL`, and so many that a verb that starts fast
never has them."""
_TAG = f".{sys.implementation.cache_tag}.pyc"


class _Loader(SourceFileLoader):
    """Python's loader of a source file, which reads bytecode faster if that is of this source by time and size.

    `status`: that of the source, as the finder has seen it. `cached`: the file with its bytecode.
    """

    status: "stat_result | None" = None
    cached = ""

    def create_module(self, spec: ModuleSpec) -> "ModuleType":
        """Return the module, with what `importlib` would look for in it, fail to find, and add.

        Each failure takes as long as a tenth of an import. `__path__` is None until the module is executed.
        """
        module = ModuleType(spec.name)
        module.__dict__.update(__file__=spec.origin, __cached__=self.cached, __path__=None)
        return module

    def exec_module(self, module: "ModuleType") -> None:
        """Execute the module, which has a `__path__` only if it is a package."""
        if vars(module).get("__path__", "") is None:
            del vars(module)["__path__"]
        super().exec_module(module)

    def get_code(self, fullname: str) -> "CodeType | None":
        """Return the code of the module."""
        source = self.status or stat(self.path)
        self.status = None  # the source may have another time when it is asked for again
        descriptor = -1
        try:
            descriptor = open(self.cached, O_RDONLY | O_CLOEXEC)
            data = read(descriptor, _LARGEST)
        except OSError:
            return super().get_code(fullname)
        finally:
            if descriptor >= 0:
                close(descriptor)
        changed, size = int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF
        expected = MAGIC_NUMBER + (changed << 32 | size << 64).to_bytes(12, "little")
        if data[:16] != expected or len(data) == _LARGEST:
            return super().get_code(fullname)
        code: CodeType = marshal.loads(memoryview(data)[16:])  # noqa: S302 (bytecode, as Python's loader reads it)
        _fix_co_filename(code, self.path)  # it may have been compiled in another place
        return code


class _Finder:
    """Finds the modules of sesh in the directory of their package."""

    @staticmethod
    def find_spec(name: str, path: "list[str] | None" = None, _target: "ModuleType | None" = None) -> ModuleSpec | None:
        """Return where a module lies; None for any other than sesh's."""
        if name[:5] != "sesh." or not path:
            return None
        base = f"{path[0]}/{name.rpartition('.')[2]}"
        for origin in (f"{base}.py", f"{base}/__init__.py"):
            try:
                status = stat(origin)
            except OSError:
                continue
            loader = _Loader(name, origin)
            loader.status, loader.cached = status, _cached(origin)
            spec = ModuleSpec(name, loader, origin=origin)
            spec.has_location, spec.cached = True, loader.cached
            if origin[-12:] == "/__init__.py":
                spec.submodule_search_locations = [base]
            return spec
        return None


def _cached(source: str) -> str:
    """The file with the bytecode of a source."""
    folder, _, file = source.rpartition("/")
    return f"{folder}/__pycache__/{file[:-3]}{_TAG}"


def _real_future(name: str) -> object:
    """Return an attribute of Python's `__future__`, which then takes the place of the stand-in."""
    if name == "__path__":  # each import of a name asks whether it is a package
        raise AttributeError(name)
    sys.modules.pop("__future__", None)
    import __future__ as real

    return getattr(real, name)


def hasten() -> None:
    """Has this process, which is sesh and no other program, load sesh's modules so, and rarely collect garbage.

    `from __future__ import annotations` speaks to the compiler, and yet loads a module: one that holds this name, and
    gives way to Python's for any other.
    """
    if "__future__" not in sys.modules:
        stand_in = ModuleType("__future__")
        stand_in.__dict__.update(annotations=None, __getattr__=_real_future)
        sys.modules["__future__"] = stand_in
    gc.set_threshold(_COLLECTED)
    if not (sys.flags.optimize or sys.pycache_prefix) and BuiltinImporter in sys.meta_path:
        place = sys.meta_path.index(BuiltinImporter)  # other programs' finders come first, as before
        sys.meta_path.insert(place, _Finder)  # type: ignore[arg-type]  # a class does, as Python's own are
