"""What there is over there: the platform, and the Pythons that could run sesh.

What a package says that it needs, judged for a Python that is not this one.

Only what packages in use write: PEP 508 requirements with PEP 440 release numbers. Pre-releases count as their release.
"""

from __future__ import annotations

import ast
import re
import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST = (3, 10)
SYSTEMS = ("Linux", "Darwin")
UNQUOTABLE = frozenset("\\!\n")
"""What login shells do not all leave alone between quotes."""

_NAMES = " ".join(f"python3.{minor}" for minor in range(20, OLDEST[1] - 1, -1)) + " python3 python"
# Login shells that are not interactive have a shorter PATH than their users know.
_FOLDERS = "/usr/local/bin /usr/bin /bin /opt/homebrew/bin /opt/local/bin /run/current-system/sw/bin"
_LAST_FOLDERS = (
    '"$HOME"/.local/bin "$HOME"/bin "$HOME"/.local/share/uv/python/*/bin "$HOME"/.pyenv/versions/*/bin '
    '"$HOME"/miniconda3/bin "$HOME"/anaconda3/bin /opt/conda/bin /opt/python*/bin /usr/local/python*/bin '
    '"$HOME"/.nix-profile/bin'
)
# Everything that sesh needs of the standard library and that distributions are known to leave out.
_PROBE = (
    "import sys,os,fcntl,termios,select,socket,zlib,hashlib,json,tarfile,pwd,tempfile,sysconfig;"
    "e=sys.executable;d=os.path.dirname(e);v='python%d.%d'%sys.version_info[:2];n=os.path.join(d,v);"
    "p=n if sys.prefix==sys.base_prefix and os.path.exists(n) else os.path.realpath(e);"
    "print('fit','%d.%d.%d'%sys.version_info[:3],sys.implementation.name,sys.abiflags or '-',sys.maxsize>2**32,p)"
)


class Python:
    """An interpreter over there: `path`, `version` (`3.11.4`), `abi` (`cp311`, `cp313t`)."""

    __slots__ = ("abi", "path", "version")

    def __init__(self, path: str, version: str, flags: str = "") -> None:
        self.path, self.version = path, version
        self.abi = "cp{}{}{}".format(*version.split(".")[:2], flags)

    def __repr__(self) -> str:
        return f"Python({self.path!r}, {self.version!r})"

    @property
    def minor(self) -> tuple[int, ...]:
        """(3, 11)"""
        return tuple(int(part) for part in self.version.split(".")[:2])


class Platform:
    """`system` and `machine` as uname says them, `libc` (glibc, musl or empty), and the release of libc, of macOS."""

    __slots__ = ("libc", "machine", "release", "system")

    def __init__(self, system: str, machine: str, libc: str = "", number: str = "") -> None:
        self.system, self.libc = system, libc
        self.machine = {"amd64": "x86_64", "i386": "i686", "i586": "i686"}.get(machine, machine)
        self.release = release(number) if number else ()

    def __str__(self) -> str:
        number = ".".join(str(part) for part in self.release)
        return " ".join(filter(None, (self.system, self.machine, self.libc, number)))

    def environment(self, python: Python) -> dict[str, str]:
        """What environment markers (PEP 508) mean there."""
        return {
            "implementation_name": "cpython",
            "implementation_version": python.version,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.system,
            "platform_version": "",
            "python_full_version": python.version,
            "python_version": ".".join(str(part) for part in python.minor),
            "sys_platform": self.system.lower(),
        }


class Survey:
    """What a host answered: `system`, `machine`, `libc`, `pythons` that would do, `others` that would not, in words."""

    def __init__(self, answer: dict[str, str], pythons: list[Python], others: list[str]) -> None:
        self.system, self.machine = answer.get("system", ""), answer.get("machine", "")
        self.libc, self.release = _libc(answer.get("libc", ""))
        if self.system == "Darwin":
            self.release = answer.get("macos", "")
        self.pythons, self.others = pythons, others

    @property
    def platform(self) -> Platform:
        """Where the answer came from."""
        return Platform(self.system, self.machine, self.libc, self.release)


def line(script: str) -> str:
    """A line that runs `script` by sh, read alike by POSIX shells, fish and csh.

    The script is one line without backslashes and exclamation marks, which not all of these leave alone in quotes.
    """
    if set(script) & UNQUOTABLE:
        raise ValueError(f"login shells do not agree on this: {script}")
    return "exec sh -c '" + script.replace("'", "'\"'\"'") + "'"


def question(token: str) -> str:
    """The line to run over there; `token` begins each line of the answer, whatever login files print."""
    probe = f'r=$("$p" -I -c "{_PROBE}" 2>&1 | tail -n 1); case "$r" in "fit "*" cpython "*) f=y; g=y;; esac'
    each = (
        'p="$d/$n"; [ -f "$p" ] && [ -x "$p" ] || continue; case "$f$n" in ypython|ypython3) continue;; esac; '
        'v=$("$p" -V 2>&1 | tail -n 1); r=; case "$v" in "Python 3.1"[0-9]*|"Python 3."[2-9][0-9]*) '
        f'{probe};; esac; echo "{token} found $v|$r|$p"'
    )
    folder = (
        'if [ "$d" = /bin ] && [ -L /bin ]; then continue; fi; case "$s" in *":$d:"*) continue;; esac; s="$s:$d:"; '
        f"f=; for n in {_NAMES}; do {each}; done"
    )
    return line(
        f'echo "{token} system $(uname -s)"; echo "{token} machine $(uname -m)"; '
        f'echo "{token} libc $(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 2 | '
        f'tr -s "[:space:]" " ")"; '
        f'if [ -x /usr/bin/sw_vers ]; then echo "{token} macos $(/usr/bin/sw_vers -productVersion)"; fi; '
        # PATH is split at colons alone, for folders may hold blanks.
        f"s=; g=; IFS=:; set -f; set -- $PATH; set +f; unset IFS; "
        f'for d in "$@" {_FOLDERS}; do {folder}; done; '
        f'if [ -z "$g" ]; then for d in {_LAST_FOLDERS}; do {folder}; done; fi; echo "{token} end"'
    )


def read(output: str, token: str) -> Survey | None:
    """The answer in what a host printed, None where it is not there or not whole."""
    answer: dict[str, str] = {}
    pythons: dict[str, Python] = {}
    others: list[str] = []
    for row in output.splitlines():
        head, _, rest = row.partition(f"{token} ")
        key, _, value = rest.strip().partition(" ")
        if head and not rest:
            continue
        if key == "found":
            told, said, path = [*value.split("|", 2), "", ""][:3]
            if python := _fit(said):
                pythons.setdefault(python.path, python)
            else:
                others.append(_unfit(told, said, path))
        elif key:
            answer[key] = value.strip()
    return Survey(answer, list(pythons.values()), others) if "end" in answer else None


def _fit(said: str) -> Python | None:
    """The interpreter that a probe's answer describes, where it would do."""
    words = said.split(" ", 5)
    if len(words) != 6 or words[0] != "fit" or words[2] != "cpython" or not words[5].startswith("/"):
        return None
    if set(words[5]) & UNQUOTABLE:
        return None
    return Python(words[5], words[1], "t" if "t" in words[3] else "")


def _unfit(told: str, said: str, path: str) -> str:
    """In words, an interpreter that would not do."""
    version = re.match(r"Python (\S+)", told)
    what = f"{path} ({version[1] if version else 'does not run'})"
    if (missing := re.search(r"No module named '?(\w+)", said)) is not None:
        return f"{what}, without its module {missing[1]}"
    if said.startswith("fit "):
        return f"{what}, which is no CPython"
    return what


def _libc(text: str) -> tuple[str, str]:
    """(`glibc` or `musl` or nothing, its release) in what getconf or ldd prints."""
    for name, pattern in (("musl", r"musl.*?Version (\d[\d.]*)"), ("glibc", r"(?:glibc|GLIBC|GNU libc)\D*(\d+\.\d+)")):
        if (match := re.search(pattern, text)) is not None:
            return name, match[1]
    return "", ""


def running(python: Python, program: str) -> str:
    """The line that runs a Python program, one without double quotes, by that interpreter."""
    return line(f'exec {shlex.quote(python.path)} -I -c "{program}"')


_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?$", re.DOTALL
)
_CLAUSE = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]+)\s*$")
_RELEASE = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)")
_VERSIONS = ("python_version", "python_full_version", "implementation_version", "platform_release")


class Requirement:
    """One line of Requires-Dist: `name` (normal form), `specifier` and `marker` as text, both possibly empty."""

    __slots__ = ("marker", "name", "specifier")

    def __init__(self, line: str) -> None:
        match = _REQUIREMENT.match(line)
        if match is None:
            raise ValueError(f"no requirement: {line}")
        self.name = normal(match[1])
        self.specifier = match[3].strip()
        self.marker = (match[4] or "").strip()


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def release(version: str) -> tuple[int, ...]:
    """The release number without zeros at its end. Raises ValueError where there is none."""
    match = _RELEASE.match(version)
    if match is None:
        raise ValueError(f"no version: {version}")
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def admits(specifier: str, version: str) -> bool:
    """Whether a specifier (`>=3.8,!=3.9.*`) admits a version."""
    for clause in filter(None, (part.strip() for part in specifier.split(","))):
        match = _CLAUSE.match(clause)
        if match is None:
            raise ValueError(f"no specifier: {clause}")
        if not _meets(match[1], match[2], version):
            return False
    return True


def _meets(operator: str, wanted: str, version: str) -> bool:
    found = release(version)
    if operator in ("==", "!=") and wanted.endswith(".*"):
        parts = [int(part) for part in wanted[:-2].split(".")]
        same = [*found, *[0] * len(parts)][: len(parts)] == parts
        return same == (operator == "==")
    limit = release(wanted)
    if operator == "~=":
        parts = [int(part) for part in (_RELEASE.match(wanted) or [""] * 2)[1].split(".")][:-1]
        return found >= limit and [*found, *[0] * len(parts)][: len(parts)] == parts
    results = {"<": found < limit, "<=": found <= limit, ">": found > limit, ">=": found >= limit}
    results |= {"==": found == limit, "===": version == wanted, "!=": found != limit}
    return results[operator]


def holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether an environment marker is true there; the empty one always is. `extra` is empty unless it is given.

    Markers have the form of Python's own comparisons, so its parser reads them; nothing is evaluated.
    Raises ValueError for what is no marker.
    """
    if not marker:
        return True
    try:
        # `~=` and `===` are the two operators that Python does not have.
        text = re.sub(r"(~=|===)", lambda match: {"~=": "<<", "===": "=="}[match[1]], marker)
        return _true(ast.parse(text.strip(), mode="eval").body, {"extra": "", **environment})
    except SyntaxError as error:
        raise ValueError(f"no marker: {marker}") from error


def _true(node: ast.expr, environment: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        every = all if isinstance(node.op, ast.And) else any
        return every(_true(value, environment) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
        return _compared("~=", node.left, node.right, environment)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        signs = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
        sign = {**signs, ast.In: "in", ast.NotIn: "not in"}.get(type(node.ops[0]))
        if sign:
            return _compared(sign, node.left, node.comparators[0], environment)
    raise ValueError(f"no marker: {ast.unparse(node)}")


def _compared(sign: str, left: ast.expr, right: ast.expr, environment: Mapping[str, str]) -> bool:
    one, other = _text(left, environment), _text(right, environment)
    if sign in ("in", "not in"):
        return (one in other) == (sign == "in")
    names = [node.id for node in (left, right) if isinstance(node, ast.Name)]
    if any(name in _VERSIONS for name in names):
        if isinstance(left, ast.Name):
            return _meets(sign, other, one)
        return _meets({"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign), one, other)
    if names == ["extra"]:
        one, other = normal(one), normal(other)
    return (one == other) == (sign == "==") if sign in ("==", "!=") else False


def _text(node: ast.expr, environment: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in environment:
        return environment[node.id]
    raise ValueError(f"no marker: {ast.unparse(node)}")
