"""One command line on several hosts at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.remote.farm import Far, Farm
from tests.remote.patches import patch
from tests.support import PROMPT, Home, Terminal, processes, rounds, wait_until

LOADING = """
import os
parent = os.getpid()
told = lambda event: event == "import" and os.getpid() != parent and open(os.environ["HOME"] + "/loaded", "w").close()
sys.addaudithook(lambda event, words: told(event))
"""
"""A file tells that a child of sesh loads a module."""


def test_lines_bear_their_host_and_a_summary_ends_it(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    done = home.sesh("@one", "@other", "--exec", "job", "--print", "--", "sh", "-c", "echo first; printf last")
    assert done.code == 0
    lines = done.stdout.splitlines()
    assert sorted(lines) == ["one: first", "one: last", "other: first", "other: last"]
    assert [line.split() for line in done.stderr.splitlines()] == [["one", "ok"], ["other", "ok"]]
    assert "\x1b" not in done.stdout


def test_a_host_of_two_names_gets_the_command_once(home: Home, farm: Farm) -> None:
    """It ran as often as the host had names on the line."""
    one, other = farm.host("one"), farm.host("other")
    with open(farm.config, encoding="utf-8") as file:
        home.write(".ssh/config", file.read().replace("Host one\n", "Host one again\n"))
    words = ["--exec", "--", "sh", "-c", "echo once >>once"]
    for _ in range(2):  # when the names are new, and when they are known
        done = home.sesh("@one", "@again", "@other", *words)
        assert (done.code, done.stdout) == (0, "")
        assert done.stderr.splitlines()[0] == "sesh: @again is @one, which gets the command once"
        assert [line.split() for line in done.stderr.splitlines()[1:]] == [["one", "ok"], ["other", "ok"]]
    for far in (one, other):
        assert far.read("once") == "once\n" * 2


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


@pytest.mark.parametrize("option", ["--print", "--follow"])
def test_who_waits_for_jobs_on_several_hosts_hears_what_they_ask(home: Home, farm: Farm, option: str) -> None:
    one, other = farm.host("one"), farm.host("other")
    asks = 'printf "Go? "; read answer; [ "$answer" = y ]'
    waiting = home.terminal("@one", "@other", "--exec", "job", option, "--", "sh", "-c", asks)
    for host in (one, other):
        waiting.wait_for(f"{host.word}: job waits: Go?; answer it in another terminal: sesh @{host.word} job")
        assert host.sesh("--send", "job", "y", "--enter").code == 0
    assert waiting.exit_code() == 0
    assert waiting.text().count("job waits") == 2


@pytest.mark.parametrize("form", ["script", "person"])
def test_jobs_on_several_hosts_that_wait_beside_a_pipe_are_said_not_to_get_that(
    home: Home, farm: Farm, form: str
) -> None:
    """A script heard nothing, and a person to answer in another terminal."""
    one, other = farm.host("one"), farm.host("other")
    hint = "job waits for input on its terminal; to feed it this input, use --stdin"
    words = ["@one", "@other", "--exec", "job", "--print", "--", "cat"]
    if form == "person":
        shell = home.terminal("outer", columns=120)
        shell.wait_for(PROMPT)
        shell.type(f"echo hi | sesh {' '.join(words)}\r")
        for host in (one, other):
            shell.wait_for(f"{host.word}: {hint}")
    else:
        reading, writing = os.pipe()
        os.write(writing, b"hi\n")
        process = home.start(*words, stdin=reading)
        os.close(reading)
        assert process.stderr is not None
        lines = {process.stderr.readline(), process.stderr.readline()}
        assert lines == {f"sesh: {host.word}: {hint}\n".encode() for host in (one, other)}
        os.close(writing)
    for host in (one, other):
        host.sesh("--kill", "job")


def test_no_child_loads_a_module(home: Home, farm: Farm) -> None:
    """Ctrl-C had no effect where it came within an import, of which each child had a hundred."""
    for word in ("one", "other"):
        farm.host(word)
    patch(home, LOADING)
    cold = {"LC_PAPER": "C"}  # where it is forked all is loaded
    assert home.sesh("@one", "@other", "--open", "work", env=cold).code == 0
    assert home.sesh("@one", "@other", "--status", "work", env=cold).code == 0
    assert not os.path.exists(f"{home.path}/loaded")


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


def test_a_name_that_does_not_resolve_proposes_the_group_or_host_that_was_meant(home: Home, farm: Farm) -> None:
    farm.host("db")
    farm.host("build")
    home.write(".config/sesh/config.toml", '[groups]\nweb = ["db"]\n')
    for typed, meant in (("wbe", "@web"), ("bilud", None), ("biuld", "@build")):
        done = home.sesh(f"@{typed}", "--list", timeout=40)
        assert done.code == 1
        assert "Could not resolve hostname" in done.stderr
        assert ("did you mean" in done.stderr) == (meant is not None), done
        assert meant is None or done.stderr.endswith(f"; did you mean {meant}?\n"), done


def test_a_group_may_name_groups_and_a_circle_of_them_is_an_error(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    home.write(".config/sesh/config.toml", '[groups]\nall = ["@web", "@one"]\nweb = ["@other"]\n')
    done = home.sesh("@all", "--open", "work", "--json")
    assert [each["host"] for each in done.json()] == ["other", "one"]
    home.write(".config/sesh/config.toml", '[groups]\nall = ["@web", "@one"]\nweb = ["@all"]\n')
    done = home.sesh("@all", "--list")
    assert (done.code, done.stdout) == (2, "")
    assert "leads back to itself: all -> web -> all" in done.stderr.splitlines()[-1]


def test_a_verb_of_one_host_says_which_take_several(home: Home, farm: Farm) -> None:
    for words in (["--rename", "a", "b"], ["--attach", "work"], ["work"]):
        done = home.sesh("@one", "@other", *words)
        assert (done.code, done.stderr.count("\n"), farm.calls()) == (2, 1, [])
        assert "--open --list" in done.stderr


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_what_was_not_named_is_ended_on_several_hosts_by_y_alone(home: Home, farm: Farm) -> None:
    """Sessions with a label ended unasked."""
    hosts = [farm.host("one"), farm.host("other")]
    far = [host.at for host in hosts]
    for words in (["--kill", "--label", "team=shop"], ["--kill-all"]):
        assert home.sesh(*far, "--open", "work", "--label", "team=shop", "--", "cat").code == 0
        assert home.sesh(*far, *words).code == 2
        assert home.terminal(*far, *words).exit_code() == 2
        assert [host.names() for host in hosts] == [["work"], ["work"]]
        assert home.sesh(*far, *words, "-y").code == 0
        assert [host.names() for host in hosts] == [[], []]


def test_verbs_that_act_do_so_on_every_host(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    far = [host.at for host in hosts]
    summary = [["one", "ok"], ["other", "ok"]]
    done = home.sesh(*far, "--open", "work", "--", "cat")
    assert (done.code, done.stdout, rows(done.stderr)) == (0, "", summary)
    assert [host.names() for host in hosts] == [["work"], ["work"]]
    done = home.sesh(*far, "--send", "work", "hello", "--enter")
    assert (done.code, done.stdout, rows(done.stderr)) == (0, "", summary)
    for host in hosts:
        host.prints("work", "hello")
    sent = home.sesh(*far, "--send", "work", "-", "--json", input=b"from stdin\n").json()
    assert [(row["host"], row["bytes"], row["ok"], row["exit_code"]) for row in sent] == [
        ("one", 11, True, 0),
        ("other", 11, True, 0),
    ]
    for host in hosts:
        host.prints("work", "from stdin")
    assert home.sesh(*far, "--reload", "work").code == 0
    killed = home.sesh(*far, "--kill", "work", "--json")
    assert [(row["host"], row["killed"]) for row in killed.json()] == [("one", ["work"]), ("other", ["work"])]
    assert [host.names() for host in hosts] == [[], []]


def test_the_whole_of_stdin_reaches_the_job_on_every_host(home: Home, farm: Farm) -> None:
    """A job of several hosts got none of it, without a word."""
    farm.host("one")
    farm.host("other")
    done = home.sesh("@one", "@other", "--exec", "--stdin", "--print", "--", "wc", "-c", input=b"x" * 300_000)
    assert (done.code, sorted(done.stdout.splitlines())) == (0, ["one: 300000", "other: 300000"])


def test_what_comes_on_stdin_for_several_hosts_is_in_no_file_that_has_a_name(home: Home, farm: Farm) -> None:
    """A password lay in a file of the temporary directory, and stayed there after SIGKILL."""
    hosts = [farm.host("one"), farm.host("other")]
    for far in hosts:
        assert home.sesh(far.at, "--open", "work", "--", "cat").code == 0
    directory = os.path.join(home.path, "temporary")
    os.mkdir(directory)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    sending = home.start("@one", "@other", "--send", "work", "-", env={"TMPDIR": directory}, stdin=reading)
    os.close(reading)
    os.write(writing, b"secret")
    wait_until(lambda: copied(sending.pid, directory) == [b"secret"] * 3)
    assert os.listdir(directory) == []
    os.write(writing, b" words\n")
    os.close(writing)
    assert sending.wait(20) == 0
    for far in hosts:
        far.prints("work", "secret words")


def copied(pid: int, directory: str) -> list[bytes]:
    """What the files of a directory hold that a process has open."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{number}"
        if os.readlink(path).startswith(directory):
            with open(path, "rb") as file:
                found.append(file.read())
    return found


def test_verbs_that_print_do_so_by_host_in_the_order_of_the_names(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    for host in hosts:
        assert home.sesh(host.at, "--open", "work", "--", "sh", "-c", f"echo text of {host.word}; cat").code == 0
        host.prints("work", "text of")
    turned = ["@other", "@one"]
    for words in (["--logs", "work"], ["--screen", "work"]):
        done = home.sesh(*turned, *words)
        assert done.code == 0
        assert [line for line in done.stdout.splitlines() if "text" in line] == [
            "other: text of other",
            "one: text of one",
        ]
        assert done.stdout.splitlines() == sorted(done.stdout.splitlines(), reverse=True, key=lambda line: line[:4])
    status = home.sesh(*turned, "--status", "work")
    assert [line.split()[:2] for line in status.stdout.splitlines() if " name:" in line] == [
        ["other:", "name:"],
        ["one:", "name:"],
    ]
    shown = home.sesh(*turned, "--status", "work", "--json").json()
    assert [(row["host"], row["name"]) for row in shown] == [("other", "work"), ("one", "work")]
    drawn = home.sesh(*turned, "--screen", "work", "--format", "json").json()
    assert [(row["host"], row["format"]) for row in drawn] == [("other", "json"), ("one", "json")]


def test_of_several_screens_the_empty_rows_at_the_end_are_left_out(home: Home, farm: Farm) -> None:
    for host in ("one", "two"):
        far = farm.host(host)
        far.sesh("--open", "work", "--", "sh", "-c", "echo a; echo; echo b; exec cat")
        far.prints("work", "b")
    shown = home.sesh("@one", "@two", "--screen", "work").stdout
    assert shown == "one: a\none: \none: b\ntwo: a\ntwo: \ntwo: b\n"


def test_lists_of_several_hosts_are_one_list(home: Home, farm: Farm) -> None:
    one, other = farm.host("one"), farm.host("other")
    farm.host("gone", proxied=True).proxy.refuse()
    assert home.sesh("@one", "@other", "--open", "work", "--", "sh", "-c", "echo needle; cat").code == 0
    assert home.sesh("@one", "--open", "more", "--label", "a=b").code == 0
    one.prints("work", "needle")
    other.prints("work", "needle")
    listed = home.sesh("@other", "@one", "--list", "--json")
    assert listed.code == 0
    assert [(row["host"], row["name"]) for row in listed.json()] == [
        ("other", "work"),
        ("one", "more"),
        ("one", "work"),
    ]
    for words in ([], ["--list"]):
        lines = home.sesh("@other", "@gone", "@one", *words).stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["NAME", "@other", "work", "@gone", "@one", "more", "work"]
        assert "cannot reach gone" in lines[3]
    partly = home.sesh("@gone", "@one", "--list", "--label", "a=b", "--json")
    assert partly.code == 1
    assert [row.get("name") or row["error"]["code"] for row in partly.json()] == ["unreachable", "more"]
    found = home.sesh("@other", "@one", "--grep", "needle", "-C", "1")
    assert (found.code, found.stdout.splitlines()) == (0, ["@other work:1:needle", "@one work:1:needle"])
    hits = home.sesh("@other", "@gone", "--grep", "needle", "--json")
    assert hits.code == 0
    assert [row.get("line") or row["error"]["code"] for row in hits.json()] == [1, "unreachable"]
    assert "@gone: cannot reach gone" in hits.stderr
    assert home.sesh("@other", "@one", "--grep", "nothing").code == 1


def test_what_is_followed_comes_from_all_hosts_as_it_happens(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    far = [host.at for host in hosts]
    assert home.sesh(*far, "--open", "work", "--", "cat").code == 0
    assert home.sesh(*far, "--open", "rings", "--", "sh", "-c", "while sleep 0.1; do printf '\\a'; done").code == 0
    events = home.start(*far, "--events", "--json")
    logs = home.terminal(*far, "--logs", "work", "-f")
    assert home.sesh(*far, "--send", "work", "hello", "--enter").code == 0
    for host in hosts:
        logs.wait_for(f"{host.word}: hello")
    assert events.stdout is not None
    seen: set[tuple[str, str]] = set()
    while not seen >= {("one", "rings"), ("other", "rings")}:
        event = json.loads(events.stdout.readline())
        seen.add((event["host"], event["session"]))
    assert seen <= {(far.word, name) for far in hosts for name in ("rings", "work")}
    events.send_signal(signal.SIGINT)
    assert events.wait(10) == 130
    logs.type(b"\x03")
    assert logs.exit_code() == 130
    text = home.terminal(*far, "--events")
    for host in hosts:
        text.wait_for(f"{host.word}: ")
    text.type(b"\x03")
    assert text.exit_code() == 130


def test_a_followed_job_of_several_hosts_is_one_object_a_line(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    done = home.sesh("@one", "@other", "--exec", "--follow", "--json", "--", "sh", "-c", "echo line; exit 3")
    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.code == 1
    assert sorted(value["host"] for value in values if value.get("line") == "line") == ["one", "other"]
    assert sorted(value["host"] for value in values if value.get("exit_code") == 3) == ["one", "other"]


def test_words_that_are_wrong_on_any_host_are_one_error(home: Home, farm: Farm) -> None:
    done = home.sesh("@one", "@other", "--open", "a b")
    assert (done.code, done.stdout, done.stderr.count("\n"), farm.calls()) == (2, "", 1, [])
    done = home.sesh("@one", "@other", "--screen", "work", "--format", "svg")
    assert (done.code, "add --json" in done.stderr, farm.calls()) == (2, True, [])
    done = home.sesh("@one", "@other", "--events", "a b")
    said = sorted(line.split(":")[1].strip() for line in done.stderr.splitlines()[:2])
    assert (done.code, said, farm.calls()) == (2, ["one", "other"], [])
    done = home.sesh("@one", "@other", "--status", "--json")
    assert (done.code, done.json()["error"]["code"], farm.calls()) == (2, "usage", [])


def test_a_check_of_several_hosts_names_each(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("gone", proxied=True).proxy.refuse()
    done = home.sesh("@one", "@gone", "--doctor")
    assert done.code == 1
    heads = [line for line in done.stdout.splitlines() if line.startswith("@")]
    assert heads == ["@one", "@gone"]
    assert "1 error, on @gone" in done.stdout.splitlines()[-1]
    assert "does not work" not in done.stdout, "it does, on @one"
    assert home.sesh("@gone", "--doctor").stdout.splitlines()[-1] == "1 error; sesh does not work on @gone"
    assert [(row["host"], row["ok"]) for row in home.sesh("@one", "@gone", "--doctor", "--json").json()] == [
        ("one", True),
        ("gone", False),
    ]


def test_sigint_to_sesh_alone_reaches_all_jobs_as_ctrl_c_does(home: Home, farm: Farm) -> None:
    """It was ignored: only the key of a terminal, which every process gets, ended them."""
    hosts = [farm.host("one"), farm.host("other")]
    script = "trap 'exit 9' INT; touch begun; while :; do sleep 0.02; done"
    process = home.start("@one", "@other", "--exec", "job", "--follow", "--", "sh", "-c", script)
    wait_until(lambda: all(far.exists("begun") for far in hosts))
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not any(far.names() for far in hosts))
    assert process.wait(10) == 1


def test_sigterm_ends_those_who_wait_and_leaves_the_jobs(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    process = home.start("@one", "@other", "--exec", "job", "--", "sh", "-c", "touch begun; sleep 1000")
    wait_until(lambda: all(far.exists("begun") for far in hosts))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    wait_until(lambda: [far.names() for far in hosts] == [["job"], ["job"]])  # the program begins before its record
    tied = home.start("@one", "@other", "--exec", "tied", "--tie", "--", "sh", "-c", "touch tied; sleep 1000")
    wait_until(lambda: all(far.exists("tied") for far in hosts))
    tied.send_signal(signal.SIGTERM)
    assert tied.wait(10) == 143
    assert [far.names() for far in hosts] == [["job"], ["job"]]


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


def jobs_on_terminal(home: Home, farm: Farm, on_interrupt: str) -> tuple[list[Far], Terminal]:
    """The hosts, and the terminal from which a job was begun on each. `on_interrupt`: what it does at Ctrl-C."""
    hosts = [farm.host("one"), farm.host("other")]
    script = f"trap '{on_interrupt}' INT; touch begun; while :; do sleep 0.02; done"
    terminal = home.terminal("@one", "@other", "--exec", "job", "--", "sh", "-c", script)
    terminal.wait_until(lambda: all(far.exists("begun") for far in hosts))
    return hosts, terminal


def test_ctrl_c_reaches_all_of_them(home: Home, farm: Farm) -> None:
    hosts, terminal = jobs_on_terminal(home, farm, "exit 4")
    terminal.type(b"\x03")
    wait_until(lambda: not any(far.names() for far in hosts))
    assert terminal.exit_code() == 1
    assert terminal.text().count("failed (4)") == 2


def test_ctrl_c_that_ends_all_jobs_says_so_for_each_host(home: Home, farm: Farm) -> None:
    """It said nothing, and nobody knew what had become of them."""
    _, terminal = jobs_on_terminal(home, farm, "exit 130")
    terminal.type(b"\x03")
    assert terminal.exit_code() == 130
    assert re.findall(r"^(one|other) +interrupted \(130\)$", terminal.text(), re.MULTILINE) == ["one", "other"]


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


def test_leftovers_of_every_host_are_cleared_though_one_cannot_be_reached(home: Home, farm: Farm) -> None:
    """One that could not be reached kept those after it from being asked."""
    farm.host("one")
    farm.host("gone", proxied=True).proxy.refuse()
    farm.host("other")
    far = ["@one", "@gone", "@other"]
    for host in ("@one", "@other"):
        assert home.sesh(host, "--exec", "job", "--keep", "--", "true").code == 0
    done = home.sesh(*far, "--sweep", "--older", "0s", "--json")
    assert done.code == 1
    assert [row["host"] for row in done.json()] == ["one", "gone", "other"]
    assert [[piece["what"] for piece in row.get("pieces", [])] for row in done.json()] == [["job"], [], ["job"]]
    for host in ("@one", "@other"):
        assert home.sesh(host, "--exec", "job", "--keep", "--", "true").code == 0
    terminal = home.terminal(*far, "--sweep")
    terminal.wait_for("forget the ended session job on @one?")
    terminal.type("y")
    terminal.wait_for("forget the ended session job on @other?")
    terminal.type("n")
    assert terminal.exit_code() == 1
    assert "cannot reach gone" in terminal.text()
    assert "@one: 1 of 1 cleared" in terminal.text()
    terminal = home.terminal("@one", "@other", "--sweep", "--dry-run")
    assert terminal.exit_code() == 0
    assert "@one: no leftovers\n" in terminal.text(), "which is which was not to be seen"
    assert "@other: 1 found; nothing changed" in terminal.text()


def test_the_live_list_of_several_hosts_has_them_all(home: Home, farm: Farm) -> None:
    farm.host("one")
    farm.host("other")
    assert home.sesh("@one", "@other", "--open", "work").code == 0
    for words in (["--watch"], ["--list", "--watch"]):
        watching = home.start("@one", "@other", *words, "--json")
        assert watching.stdout is not None
        hosts: list[str] = []
        while len(hosts) < 2:
            hosts = [row["host"] for row in json.loads(watching.stdout.readline())]
        assert sorted(hosts) == ["one", "other"]
        watching.send_signal(signal.SIGINT)
        watching.wait(10)


def test_much_output_of_a_host_waits_for_its_turn(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    script = "seq -f '%0200g' 9000; echo end; cat"
    assert home.sesh("@one", "@other", "--open", "work", "--", "sh", "-c", script).code == 0
    for host in hosts:
        host.prints("work", "end")
    done = home.sesh("@one", "@other", "--logs", "work", "9001", timeout=60)
    numbers = [*(f"{number:0200}" for number in range(1, 9001)), "end"]
    assert done.stdout.splitlines() == [f"{host.word}: {line}" for host in hosts for line in numbers]


def test_nothing_is_left_running_where_nobody_reads_any_more(home: Home, farm: Farm) -> None:
    hosts = [farm.host("one"), farm.host("other")]
    words = "@one @other --exec job --follow -- seq 1 1000000000"
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(home.command)} {words} | head -1"],
        env=home.env, cwd=home.path, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
    wait_until(lambda: not [pid for pid in home.processes() if pid not in farm.masters()])
    assert ["job"] in [host.names() for host in hosts], "of the other it may not have been asked for yet"


def test_a_host_that_is_gone_holds_nothing_up_where_nobody_reads_any_more(home: Home, farm: Farm) -> None:
    """A tied job is ended over the link: sesh waited for that to come back, without a word."""
    gone, other = farm.host("one", proxied=True), farm.host("other")
    script = "touch begun; until [ -e go ]; do sleep 0.02; done; while echo line; do sleep 0.02; done"
    jobs = home.start("@one", "@other", "--exec", "job", "--follow", "--tie", "--", "sh", "-c", script)
    wait_until(lambda: gone.exists("begun") and other.exists("begun"))
    gone.proxy.refuse()
    gone.proxy.cut()
    assert jobs.stdout is not None
    assert jobs.stderr is not None
    assert b"lost the link" in jobs.stderr.readline()
    other.write("go", "")
    assert jobs.stdout.readline() == b"other: line\n"
    jobs.stdout.close()
    assert jobs.wait(15) == 141
    wait_until(lambda: not other.names(), what="the job that it could end")
    gone.proxy.restore()
    assert gone.names() == ["job"]


@pytest.mark.parametrize("words", [("--exec", "job"), ("--exec", "job", "--follow"), ("--exec", "job", "--json")])
def test_a_link_that_is_lost_and_comes_back_is_told_as_it_happens(
    home: Home, farm: Farm, words: tuple[str, ...]
) -> None:
    """The host fell silent; `reconnected` stood in the summary, as the reason why the job had failed."""
    one, other = farm.host("one", proxied=True), farm.host("other")
    script = "touch begun; until [ -e go ]; do sleep 0.02; done; exit 3"
    jobs = home.start("@one", "@other", *words, "--", "sh", "-c", script)
    wait_until(lambda: one.exists("begun") and other.exists("begun"))
    one.proxy.cut()
    assert jobs.stderr is not None
    lost = jobs.stderr.readline()
    assert lost.startswith(b"sesh: one: lost the link")
    assert b"@one" not in lost
    assert jobs.stderr.readline() == b"sesh: one: reconnected\n"
    for host in (one, other):
        host.write("go", "")
    summary = jobs.communicate(timeout=20)[1].decode().splitlines()
    assert [line.split() for line in summary] == (
        [] if "--json" in words else [["one", "failed", "(3)"], ["other", "failed", "(3)"]]
    )


def test_a_named_host_that_does_not_answer_is_listed_as_it_was_last_known(home: Home, farm: Farm) -> None:
    gone, one = farm.host("gone", proxied=True), farm.host("one")
    for host in (gone, one):
        assert home.sesh(host.at, "--open", f"on-{host.word}", "--label", "a=b").code == 0
    assert home.sesh("@gone", "@one", "--list").code == 0
    processes.kill(farm.masters())
    gone.proxy.refuse()
    listed = home.sesh("@gone", "@one", "--list")
    assert listed.code == 1
    lines = [line.split() for line in listed.stdout.splitlines()[1:]]
    assert [line[:2] for line in lines] == [["@gone", "cannot"], ["?", "on-gone"], ["@one"], ["on-one", "detached"]]
    for label, names in (("a=b", ["on-gone", "on-one"]), ("a=c", [])):
        error, *rows = home.sesh("@gone", "@one", "--list", "--label", label, "--json").json()
        assert (error["host"], error["error"]["code"]) == ("gone", "unreachable")
        assert [row["name"] for row in rows] == names
        assert ["stale" in row for row in rows] == [name == "on-gone" for name in names]


def test_one_ctrl_c_is_one_to_every_job(home: Home, farm: Farm) -> None:
    hosts, terminal = jobs_on_terminal(home, farm, "echo x >>count")
    terminal.type(b"\x03")
    terminal.wait_until(lambda: all(far.exists("count") for far in hosts))
    assert home.sesh("@one", "@other", "--kill", "job").code == 0
    assert terminal.exit_code() == 1
    assert [far.read("count") for far in hosts] == ["x\n", "x\n"]


def test_fifty_hosts_at_once_answer_in_their_order_and_one_that_fails_is_named(home: Home, farm: Farm) -> None:
    """A process and a link for each, and nothing of them afterwards."""
    hosts = [farm.host(f"h{number}") for number in range(1, rounds(5, 50) + 1)]
    names, far = [host.word for host in hosts], [host.at for host in hosts]
    hosts[1].write("fails", "")
    script = "touch begun; until [ -e go ]; do sleep 0.05; done; ! [ -e fails ]"
    running = home.start(*far, "--exec", "job", "--", "sh", "-c", script)
    wait_until(lambda: all(host.exists("begun") for host in hosts), timeout=60)
    assert len(processes.descendants(running.pid)) <= 2 * len(hosts)
    listed = home.sesh(*far, "--list", "--json", timeout=60).json()
    assert [(row["host"], row["name"]) for row in listed] == [(name, "job") for name in names]
    waiting = [*hosts]
    while waiting:  # each answers before the one that stands before it
        waiting[-1].write("go", "")
        wait_until(lambda: not waiting[-1].names())
        waiting.pop()
    _, said = running.communicate(timeout=20)
    assert [row[:2] for row in rows(said.decode())] == [[name, "failed" if name == "h2" else "ok"] for name in names]
    assert running.returncode == 1
    wait_until(lambda: set(home.processes()) == set(farm.masters()))


@pytest.mark.parametrize(
    "words", [("x1", "d", "--", "true"), ("x1",), ("-x/", "--", "true"), ("--timeout", "soon", "--", "true")]
)
def test_a_mistake_behind_exec_is_told_once_and_no_host_is_asked(
    home: Home, farm: Farm, words: tuple[str, ...]
) -> None:
    """It was told for each host, and the code was 1."""
    done = home.sesh("@one", "@other", "--exec", *words)
    assert (done.code, len(done.stderr.splitlines()), farm.calls()) == (2, 1, []), done.stderr
