"""`python -m tests.interpreters SUITE…`: these suites on every Python that sesh supports and this machine has.

With `--full` this Python runs `make test` and what that leaves out, save for the house, which `make check` has run; the
suites run on each of the others. Tests that fail run once more (`--retry`): those that pass then are named as
flaky. Each interpreter has an environment of its own, .venv-3.12.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import glob
from xml.etree import ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
VENV = ".venv"
# Most tests wait for other processes: one worker more than there are processors.
WORKERS = (os.cpu_count() or 1) + 1
_NOT_BEGUN = 127
"""The exit code where make could not run pytest."""
_LEFT_OUT = ["-m", "installs or harness or thorough"]
"""What `make test` leaves out."""
_USABLE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"


def supported() -> list[str]:
    """The versions that pyproject.toml names, oldest first."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        found = re.findall(r"Programming Language :: Python :: (\d+\.\d+)\"", file.read())
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def candidates(version: str) -> Iterator[str]:
    """Where an interpreter of that version may be: PATH, pyenv's versions (newest first), and uv's."""
    yield f"python{version}"
    pyenv = os.environ.get("PYENV_ROOT") or _output("pyenv", "root") or os.path.expanduser("~/.pyenv")
    builds = [path for path in glob(f"{pyenv}/versions/{version}*/bin/python") if f"/{version}." in path]
    yield from sorted(builds, key=lambda path: [int(part) for part in re.findall(r"\d+", path)], reverse=True)
    yield from filter(None, [_output("uv", "python", "find", "--no-python-downloads", version)])


def find(version: str) -> str | None:
    """The path of a Python of that version that can make environments; None where there is none."""
    for candidate in candidates(version):
        name, _, path = _output(candidate, "-c", _USABLE).partition(" ")
        if name == version:
            return path
    return None


def _output(*command: str) -> str:
    """What a command prints; "" where it fails or does not exist."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass
class Outcome:
    """Of one interpreter: how many tests passed, and the names of those that did not, with the reason."""

    version: str
    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    flaky: dict[str, str] = field(default_factory=dict)
    broken: str = ""  # why it could not be run to its end

    def __str__(self) -> str:
        if self.broken:
            return f"Python {self.version}: {self.broken}"
        flaky = f", {len(self.flaky)} flaky" if self.flaky else ""
        return f"Python {self.version}: {self.passed} passed, {len(self.failed)} failed{flaky}"


def run(version: str, venv: str, arguments: list[str], retry: bool, *, make: bool = False) -> Outcome:
    """pytest in an environment, or as `make test` runs it; with `retry`, once more for the tests that failed."""
    outcome = Outcome(version)
    print(f"\nPython {version}: {'make test' if make else 'pytest'} {shlex.join(arguments)}", flush=True)
    code = _pytest(venv, ["--cache-clear", *arguments], outcome, make=make)
    if code == 1 and retry and outcome.failed:
        # Tests on real terminals have bounds of seconds, which a machine that is busy with others may miss once.
        print(f"\nPython {version}: once more, those that failed", flush=True)
        first, outcome.failed = outcome.failed, {}
        code = _pytest(venv, ["--last-failed", "--last-failed-no-failures=none", *arguments], outcome)
        outcome.flaky = {name: reason for name, reason in first.items() if name not in outcome.failed}
    if code not in (0, 1) or bool(code) != bool(outcome.failed):
        outcome.broken = f"pytest did not come to its end (exit code {code})"
    return outcome


def _pytest(venv: str, arguments: list[str], outcome: Outcome, *, make: bool = False) -> int:
    """Runs pytest and adds to the outcome; its exit code."""
    report, status = (os.path.join(ROOT, venv, name) for name in ("report.xml", "status"))
    words = ["-o", f"cache_dir={venv}/.pytest_cache", f"--junitxml={report}", "-o", "junit_family=xunit1", *arguments]
    for path in (report, status):
        if os.path.exists(path):
            os.unlink(path)
    if make:
        subprocess.run(["make", "-s", "test", f"ARGS={shlex.join(words)}", f"CODE={status}"], cwd=ROOT, check=False)
    else:
        pytest = [os.path.join(ROOT, venv, "bin", "python"), "-m", "pytest", "-n", str(WORKERS), "--dist", "worksteal"]
        done = subprocess.run([*pytest, *words], cwd=ROOT, check=False)
        with open(status, "w", encoding="ascii") as file:
            file.write(str(done.returncode))
    if os.path.exists(report):
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest's own
            name = f"{case.get('file')}::{case.get('name')}"
            bad = [each.get("message") or "" for each in case if each.tag in ("failure", "error")]
            if bad:
                outcome.failed[name] = bad[0].partition("\n")[0]
            elif case.find("skipped") is None and name not in outcome.failed:
                outcome.passed += 1
    if not os.path.exists(status):
        return _NOT_BEGUN
    with open(status, encoding="ascii") as file:
        return int(file.read())


def environment(version: str, path: str) -> str | None:
    """The directory of an environment for an interpreter with sesh in it; None where it could not be made."""
    venv = f"{VENV}-{version}"
    made = subprocess.run(["make", "-s", f"{venv}/.installed", f"PYTHON={path}"], cwd=ROOT, check=False)
    return venv if made.returncode == 0 else None


def main() -> int:
    """Runs the suites; 1 where a test failed for good."""
    parser = argparse.ArgumentParser(description="Run the tests on each interpreter.")
    parser.add_argument("suites", nargs="+", help="paths such as tests/unit")
    parser.add_argument("--full", action="store_true", help="`make test` on this Python, and what it leaves out")
    parser.add_argument("--retry", action="store_true", help="run tests that failed once more")
    words = parser.parse_args()
    outcomes, missing = [], []
    for version in [HERE, *(version for version in supported() if version != HERE)]:
        if version == HERE and words.full:
            outcomes.append(run(version, VENV, ["--durations=40"], words.retry, make=True))
            outcomes.append(run(version, VENV, _LEFT_OUT, words.retry))
        elif version == HERE:
            outcomes.append(run(version, VENV, words.suites, words.retry))
        elif path := find(version):
            venv = environment(version, path)
            ran = run(version, venv, words.suites, words.retry) if venv else Outcome(version, broken="no environment")
            outcomes.append(ran)
        else:
            missing.append(version)
    return report(outcomes, missing)


def report(outcomes: list[Outcome], missing: list[str]) -> int:
    """Prints the end of a run: each interpreter, what failed, what is flaky, and the sums; the exit code."""
    print()
    for version in missing:
        print(f"Python {version}: not on this machine")
    for outcome in outcomes:
        print(outcome)
        for verdict, tests in (("FAILED", outcome.failed), ("FLAKY, passed at the second try:", outcome.flaky)):
            for name, reason in tests.items():
                print(f"  {verdict} {name} - {reason}")
    failed = sum(len(outcome.failed) or bool(outcome.broken) for outcome in outcomes)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
