"""Jobs and scripts: exit codes, output, and sessions that are driven from outside."""

from __future__ import annotations

from tests.support import Sesh, says_who_reads


def test_a_job_gives_its_output_and_its_exit_code(sesh: Sesh) -> None:
    job = sesh("exec", "build", "--print", "--", "sh", "-c", "echo compiling; exit 3")
    assert (job.code, job.stdout) == (3, "compiling\n"), job
    assert sesh("logs", "build").stdout == "compiling\n", "its output is kept for a week"


def test_run_gives_the_output_of_one_command_and_the_shell_keeps_its_directory(sesh: Sesh) -> None:
    sesh("open", "work")
    assert sesh("run", "work", "--", "cd /usr; color=red").code == 0
    assert sesh("run", "work", "--", "pwd; echo $color").stdout == "/usr\nred\n"
    assert sesh("run", "work", "--", "sh", "-c", "exit 7").code == 7


def test_send_types_and_wait_waits_for_a_line(sesh: Sesh) -> None:
    sesh("open", "adder", "--", "sh", "-c", "read a b; echo sum $((a + b)); exec cat")
    assert sesh("send", "adder", "40 2", "--enter").code == 0
    assert sesh("wait", "adder", "--for", "sum [0-9]+").code == 0
    assert "sum 42" in sesh("screen", "adder").stdout
    assert sesh("send", "adder", "--key", "C-c").code == 0
    assert sesh("wait", "adder", "--exit").code == 130


@says_who_reads
def test_an_answer_is_typed_only_to_the_question_that_it_answers(sesh: Sesh) -> None:
    sesh("open", "agent", "--", "sh", "-c", "printf 'may I run make? '; read answer; exit 4")
    assert sesh("wait", "agent", "--waiting").code == 0
    other = sesh("send", "agent", "y", "--enter", "--question", "may I push?")
    assert (other.code, 'asks "may I run make?"' in other.stderr) == (1, True), other
    assert sesh("send", "agent", "y", "--enter", "--question", "may I run make?").code == 0
    assert sesh("wait", "agent", "--exit").code == 4


def test_logs_have_what_has_left_the_screen(sesh: Sesh) -> None:
    sesh("open", "count", "--", "sh", "-c", "seq 100; exec cat")
    assert sesh("wait", "count", "--for", "^100$", "--since-start").code == 0
    assert "\n1\n" not in sesh("screen", "count").stdout
    assert sesh("logs", "count").stdout.split() == [str(number) for number in range(1, 101)]
    assert sesh("logs", "count", "2").stdout == "99\n100\n"


def test_grep_finds_a_line_in_all_sessions(sesh: Sesh) -> None:
    for name, word in (("web", "ready"), ("db", "error: disk full")):
        sesh("open", name, "--", "sh", "-c", f"echo {word}; exec cat")
        assert sesh("wait", name, "--for", word, "--since-start").code == 0
    found = sesh("grep", "err.r")
    assert found.code == 0
    assert "db" in found.stdout
    assert "error: disk full" in found.stdout
    assert "ready" not in found.stdout


def test_kill_ends_a_session_with_what_runs_in_it(sesh: Sesh) -> None:
    sesh("open", "work", "--", "sleep", "600")
    assert sesh("kill", "work").code == 0
    assert sesh("list", "--json").json() == []


def test_a_session_gets_another_name_and_labels_to_list_it_by(sesh: Sesh) -> None:
    for name in ("one", "two"):
        sesh("open", name, "--", "cat")
    assert sesh("rename", "one", "web").code == 0
    assert sesh("label", "web", "team=shop").code == 0
    assert sorted(session["name"] for session in sesh("list", "--json").json()) == ["two", "web"]
    assert [session["name"] for session in sesh("list", "--json", "--label", "team=shop").json()] == ["web"]


def test_a_name_that_is_not_there_is_an_error_in_words_and_in_json(sesh: Sesh) -> None:
    said = sesh("kill", "nobody")
    assert (said.code, said.stdout, said.stderr) == (1, "", "sesh: no session nobody; `sesh` lists them\n"), said
    error = sesh("kill", "nobody", "--json").json()["error"]
    assert error["code"] == "not_found"
