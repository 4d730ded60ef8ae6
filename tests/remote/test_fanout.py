"""One job on several hosts at once."""

from __future__ import annotations

import os
import shutil
import sys

from tests.remote.farm import Farm
from tests.support import Home, wait_until


def test_lines_bear_their_host_and_a_summary_ends_it(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    done = home.sesh("@one", "@other", "--exec", "job", "--print", "--", "sh", "-c", "echo first; printf last")
    assert done.code == 0
    lines = done.stdout.splitlines()
    assert sorted(lines) == ["one: first", "one: last", "other: first", "other: last"]
    assert [line.split() for line in done.stderr.splitlines()] == [["one", "ok"], ["other", "ok"]]
    assert "\x1b" not in done.stdout


def test_each_host_has_a_colour_on_a_terminal(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    terminal = home.terminal("@one", "@other", "--exec", "--follow", "--", "echo", "line")
    assert terminal.exit_code() == 0
    assert b"\x1b[36mone: \x1b[0mline" in terminal.raw
    assert b"\x1b[33mother: \x1b[0mline" in terminal.raw
    plain = home.terminal("@one", "@other", "--exec", "--follow", "--", "echo", "line", env={"NO_COLOR": "1"})
    assert plain.exit_code() == 0
    assert b"\x1b" not in plain.raw


def test_without_print_only_the_summary_is_shown(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    done = home.sesh("@one", "@other", "--exec", "--", "echo", "unseen")
    assert (done.code, "unseen" in done.stdout) == (0, False)
    detached = home.sesh("@one", "@other", "--exec", "-d", "--", "sleep", "1000")
    assert detached.code == 0
    assert sorted(detached.stdout.splitlines()[:2]) == ["one: 1", "other: 1"]


def test_one_that_fails_fails_the_whole_and_stops_no_other(home: Home, farm: Farm) -> None:
    one = farm.host("one")
    farm.host("other")
    farm.host("gone", proxied=True).proxy.refuse()
    one.write("here", "")
    done = home.sesh("@one", "@other", "@gone", "--exec", "job", "--", "sh", "-c", "[ -e here ] || exit 3")
    assert done.code == 1
    assert done.stdout == ""
    rows = {line.split()[0]: line for line in done.stderr.splitlines()}
    assert rows["one"].split()[1:] == ["ok"]
    assert "failed (3)" in rows["other"]
    assert "failed (125)" in rows["gone"]
    assert "cannot reach" in rows["gone"]


def test_json_is_an_array_of_all_hosts(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("gone", proxied=True).proxy.refuse()
    words = ["--json", "--", "sh", "-c", "echo out; exit 3"]
    done = home.sesh("@one", "@gone", "--exec", "job", *words)
    assert (done.code, done.stderr) == (1, "")
    one, gone = done.json()
    assert (one["host"], one["session"], one["exit_code"], one["output"]) == ("one", "job", 3, "out\n")
    assert (gone["host"], gone["exit_code"], gone["error"]["code"]) == ("gone", 125, "unreachable")


def test_groups_come_from_the_settings(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    home.write(".config/sesh/config.toml", '[groups]\nweb = ["@one", "other"]\nsingle = ["@one"]\n')
    done = home.sesh("@web", "@one", "--exec", "--json", "--", "true")
    assert [each["host"] for each in done.json()] == ["one", "other"]
    alone = home.sesh("@single", "--exec", "--json", "--", "true")
    assert alone.json()["host"] == "one"


def test_other_verbs_go_to_one_host(home: Home, farm: Farm) -> None:
    done = home.sesh("@one", "@other", "--list")
    assert (done.code, done.stderr.count("\n"), farm.calls()) == (2, 1, [])


def test_no_variable_and_no_directory_has_to_lead_to_this_sesh(home: Home, farm: Farm) -> None:
    """It used to start `python -m sesh`, which finds nothing, or something else, where sesh is not installed."""
    farm.host("one")
    farm.host("other")
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = f"import sys; sys.path[:0] = {[checkout, *sys.path]!r}; from sesh.__main__ import main; sys.exit(main())"
    home.write("bin/own-sesh", f"#!{sys.executable} -IS\n{code}\n", 0o755)
    home.write("sesh.py", "raise SystemExit('another sesh')")
    home.command = [shutil.which("own-sesh", path=f"{home.path}/bin") or ""]
    done = home.sesh("@one", "@other", "--exec", "--json", "--", "true", cwd=home.path)
    assert [each["exit_code"] for each in done.json()] == [0, 0]


def test_ctrl_c_reaches_all_of_them(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    script = "trap 'exit 4' INT; touch begun; while :; do sleep 0.02; done"
    terminal = home.terminal("@one", "@other", "--exec", "job", "--", "sh", "-c", script)
    terminal.wait_until(lambda: all(far.exists("begun") for far in hosts))
    terminal.type(b"\x03")
    wait_until(lambda: not any(far.names() for far in hosts))
    assert terminal.exit_code() == 1
    assert terminal.text().count("failed (4)") == 2


def test_a_command_runs_in_the_live_shells_of_all_of_them(home: Home, farm: Farm) -> None:
    one, other = farm.host("one"), farm.host("other")
    for far in (one, other):
        assert home.sesh(far.at, "--open", "work").code == 0
        assert home.sesh(far.at, "--run", "work", "--", f"A={far.word}").code == 0
    done = home.sesh("@one", "@other", "--run", "work", "--", "echo in $A; [ $A = one ]")
    assert done.code == 1
    assert sorted(done.stdout.splitlines()) == ["one: in one", "other: in other"]
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["ok", "failed"]
    answers = home.sesh("@one", "@other", "--run", "work", "--json", "--", "echo $A").json()
    assert [(each["host"], each["output"], each["exit_code"]) for each in answers] == [
        ("one", "one\n", 0),
        ("other", "other\n", 0),
    ]


def test_a_command_finds_the_shell_that_its_name_means(home: Home, farm: Farm) -> None:
    farm.host("one")
    assert home.sesh("@one", "--open", "work").code == 0
    done = home.sesh("--run", "work", "--", "echo here; sh -c 'exit 4'")
    assert (done.code, done.stdout, done.stderr) == (4, "here\n", "[work on @one]\n")
    past = home.sesh("--history", "work")
    assert (past.code, past.stderr) == (0, "[work on @one]\n")
    assert "echo here" in past.stdout
