"""`wait`: each condition, which of several conditions was met, and the end without any."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support import Home, Sesh, processes, says_who_reads, wait_until
from tests.terminal.looking import logs, screen


def typed(sesh: Sesh, text: str) -> int:
    """Send a line, and return the position for `--from`."""
    return int(sesh("send", "work", text, "--enter", "--json").json()["position"])


@pytest.mark.usefixtures("work")
def test_a_prompt_is_waited_for_until_the_command_has_ended(sesh: Sesh, home: Home) -> None:
    typed(sesh, "sleep 0.3; touch ended")
    done = sesh("wait", "work", "--prompt", "--timeout", "30", "--json")
    assert os.path.exists(f"{home.path}/ended")
    answer = done.json()
    assert done.code == 0
    assert (answer["session"], answer["host"], answer["met"], answer["match"], answer["exit_code"]) == (
        "work", None, "prompt", None, None,
    )  # fmt: skip
    assert sesh("wait", "work", "--prompt", "--timeout", "30").code == 0  # a prompt since the send counts


@pytest.mark.needs("dash")
@pytest.mark.parametrize("shell", ["bash --norc", "dash -i"])
def test_keys_that_print_nothing_leave_the_prompt_met(sesh: Sesh, shell: str) -> None:
    """An Escape at an idle prompt must not make `wait --prompt` endless."""
    sesh("open", "work", "--", *shell.split())
    assert sesh("wait", "work", "--prompt", "--timeout", "30").stdout == "prompt\n"
    for key in ("Escape", "C-l", "C-u"):
        sesh("send", "work", "--key", key)
        assert sesh("wait", "work", "--prompt", "--timeout", "30").stdout == "prompt\n", key
    position = sesh("send", "work", "--key", "C-u", "--json").json()["position"]
    done = sesh("wait", "work", "--prompt", "--from", str(position), "--timeout", "30")
    assert done.stdout == "prompt\n"


@pytest.mark.usefixtures("work")
def test_a_command_that_prints_nothing_and_is_not_echoed_is_waited_for(sesh: Sesh, home: Home) -> None:
    """Without any output, `wait` must not take the old prompt for the end."""
    typed(sesh, "PS1= PS2=; bind 'set enable-bracketed-paste off'; stty -echo")
    sesh("wait", "work", "--prompt", "--timeout", "30")
    typed(sesh, "sleep 0.4; touch one")
    assert sesh("wait", "work", "--prompt", "--timeout", "30").stdout == "prompt\n"
    assert os.path.exists(f"{home.path}/one")


@pytest.mark.usefixtures("work")
def test_another_program_that_reads_is_no_prompt(sesh: Sesh) -> None:
    for program in ("read -sn1 x", "cat"):
        typed(sesh, program)
        assert sesh("wait", "work", "--prompt", "--timeout", "0.4").code == 124, program
        sesh("send", "work", "--key", "C-c")
        assert sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    typed(sesh, "python3")
    assert sesh("wait", "work", "--prompt", "--timeout", "0.4").code == 124


@says_who_reads
@pytest.mark.usefixtures("work")
def test_a_bash_that_hangs_in_the_read_of_a_key_is_at_its_prompt(sesh: Sesh) -> None:
    """If Ctrl-C flushes the input after bash's select, bash blocks in read at its prompt.

    Such a bash must not count as busy. Here its `read` blocks in the modes of the prompt; `read -n` sets others.
    """
    typed(sesh, "stty -icanon -icrnl -echo; read x")
    assert sesh("wait", "work", "--prompt", "--timeout", "30").stdout == "prompt\n"


@pytest.mark.usefixtures("work")
def test_text_is_found_without_its_colours_and_over_pieces(sesh: Sesh) -> None:
    typed(sesh, r"printf 'lis\033[3'; sleep 0.2; printf '1mten\033[0ming on 80'; sleep 0.2; echo 80")
    done = sesh("wait", "work", "--for", r"^listening on (\d{4})$", "--timeout", "30")
    assert done.stdout == "for: listening on 8080\n"
    # A last character beyond ASCII must not be withheld, or a prompt that ends with one is never found.
    typed(sesh, r"printf 'done \342\234\224'; sleep 30")
    assert sesh("wait", "work", "--for", "✔", "--timeout", "30").stdout == "for: ✔\n"


@pytest.mark.usefixtures("work")
def test_text_counts_from_the_last_send_or_from_a_position(sesh: Sesh) -> None:
    first = typed(sesh, "echo fi''rst")
    assert sesh("wait", "work", "--for", "^first$", "--timeout", "30").code == 0
    sesh("wait", "work", "--prompt", "--timeout", "30")
    typed(sesh, "echo sec''ond")
    assert sesh("wait", "work", "--for", "^second$", "--timeout", "30").code == 0
    assert sesh("wait", "work", "--for", "^first$", "--timeout", "0.3").code == 124
    found = sesh("wait", "work", "--for", "^first$", "--from", str(first), "--timeout", "30", "--json").json()
    assert found["match"] == "first"
    behind = str(found["position"])
    assert sesh("wait", "work", "--for", "^first$", "--from", behind, "--timeout", "0.3").code == 124
    assert sesh("wait", "work", "--for", "^first$", "--since-start", "--timeout", "30").code == 0


@pytest.mark.usefixtures("work")
def test_what_scrolled_off_long_ago_is_found_since_the_start(sesh: Sesh) -> None:
    typed(sesh, "echo nee''dle; seq 9000; seq 100000 100200")
    sesh("wait", "work", "--prompt", "--timeout", "30")
    done = sesh("wait", "work", "--for", "^needle$", "--since-start", "--timeout", "30")
    assert done.stdout == "for: needle\n"


@pytest.mark.usefixtures("work")
def test_of_several_conditions_the_answer_says_which(sesh: Sesh) -> None:
    typed(sesh, "sleep 0.2; echo o''ne; sleep 30")
    several = ("wait", "work", "--exit", "--prompt", "--for", "^one$", "--idle", "1", "--timeout", "30")
    assert sesh(*several).stdout == "for: one\n"
    assert sesh("wait", "work", "--exit", "--prompt", "--for", "^two$", "--idle", "0.3").stdout == "idle\n"
    sesh("send", "work", "--key", "C-c")
    assert sesh("wait", "work", "--prompt", "--idle", "9").stdout == "prompt\n"


@pytest.mark.usefixtures("work")
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the moment at which it waits is told from /proc")
def test_the_end_is_met_with_the_code_or_an_error_and_ctrl_c_leaves_the_session_alone(sesh: Sesh, home: Home) -> None:
    interrupted = home.start("wait", "work")
    wait_until(lambda: processes.connected(interrupted.pid), "the command is connected to the daemon")
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=30)
    assert interrupted.returncode in (130, -signal.SIGINT)
    assert home.names() == ["work"]
    end, text = home.start("wait", "--exit", "work"), home.start("wait", "work", "--for", "never")
    wait_until(
        lambda: all(processes.connected(each.pid) for each in (end, text)), "both commands are connected to the daemon"
    )
    typed(sesh, "sleep 0.3; exit 7")
    assert (end.communicate(timeout=30)[0], end.returncode) == (b"exit: 7\n", 7)
    _, err = text.communicate(timeout=30)
    assert (text.returncode, b"ended (7)" in err) == (1, True)
    done = sesh("wait", "work", "--exit", "--json")
    assert (done.code, done.json()["met"], done.json()["exit_code"]) == (7, "exit", 7)


@pytest.mark.usefixtures("work")
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the moment at which it waits is told from /proc")
def test_the_last_words_of_a_program_are_searched(sesh: Sesh, home: Home) -> None:
    typed(sesh, "exec sh -c 'read -r x; seq 5000; echo la''st words'")
    assert sesh("wait", "work", "--waiting", "--timeout", "30").code == 0  # sh reads, and no longer bash
    waiting = home.start("wait", "work", "--for", "last words$")
    wait_until(lambda: processes.connected(waiting.pid), "the command is connected to the daemon")
    typed(sesh, "go")
    assert (waiting.communicate(timeout=30)[0], waiting.returncode) == (b"for: last words\n", 0)


def test_a_position_that_output_has_not_reached_is_waited_for(sesh: Sesh, home: Home) -> None:
    """Text before that position must not match."""
    sesh("open", "work", "--", "sh", "-c", "echo needle; while read -r x; do echo needle $x; done")
    wait_until(lambda: "needle" in logs(home, "work"), "work has printed 'needle'")
    head = sesh("status", "work", "--json").json()["position"]
    begin = str(head + 40)
    assert sesh("wait", "work", "--for", "needle", "--from", begin, "--timeout", "0.3").code == 124
    waiting = home.start("wait", "work", "--for", r"needle \w*", "--from", begin)
    for word in ("one", "two", "three", "four", "five"):
        typed(sesh, word)
    assert waiting.communicate(timeout=30)[0] == b"for: needle three\n"


def test_a_pattern_that_explodes_ends_with_the_timeout_and_holds_nobody(sesh: Sesh, home: Home) -> None:
    """Such a pattern must not block the client beyond its timeout."""
    sesh("open", "work", "--", "sh", "-c", "while read -r x; do echo $x; done")
    waiting = home.start("wait", "work", "--for", "(a+)+$", "--timeout", "0.2")
    typed(sesh, "a" * 60 + "b")
    wait_until(lambda: "ab" in screen(home, "work"), "work shows 'ab'")
    assert waiting.wait(60) == 124
    refused = sesh("wait", "work", "--for", "(a+)+$", "--json", timeout=90)
    assert (refused.code, refused.json()["error"]["code"]) == (1, "refused")
    assert "takes too long" in refused.stdout


def test_the_result_of_a_kept_session_goes_with_its_new_name(sesh: Sesh) -> None:
    """A result under the old name would look like the next session's end."""
    assert sesh("exec", "before", "--keep", "--", "sh", "-c", "exit 7").code == 7
    assert sesh("rename", "before", "after").code == 0
    assert sesh("kill", "after").code == 0
    assert sesh("wait", "after", "--exit").code == 7
    gone = sesh("wait", "before", "--exit")
    assert (gone.code, "no session before" in gone.stderr) == (1, True)
