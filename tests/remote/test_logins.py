"""A login comes home: the program waits on the loopback of a host, its person's browser is on this machine."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.remote.farm import Farm
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, need, processes, wait_until

#: A program that logs in, called with the address on which it listens, the address to which the browser is to return,
#: and the number of the port (0: any). It has its page opened, and answers until it has its code.
_LOGIN = """
import http.server, socket, subprocess, sys, urllib.parse
bound, back, port = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Callback(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body, **headers):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        if self.path.startswith("/auth?"):
            self.answer(307, b"", Location=login)
        elif "code=" in query:
            server.code = urllib.parse.parse_qs(query)["code"][0]
            self.answer(302, b"", Location="/success")
        else:
            self.answer(200, b"welcome " * 4_000)
            server.ended = bool(server.code)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.code = urllib.parse.parse_qs(body.decode())["code"][0]
        self.answer(200, b"welcome " * 4_000)
        server.ended = True

class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    code, ended = "", False

server = Server((bound, port), Callback)
back = back.replace("PORT", str(server.server_port))
login = f"https://login.example/authorize?state=1&redirect_uri={urllib.parse.quote(back, safe='')}"
page = f"http://{urllib.parse.urlsplit(back).netloc}/auth?state=1" if "own" in sys.argv else login
print("opens", subprocess.run(["sesh", "browse", page]).returncode, server.server_port)
while not server.ended:
    server.handle_request()
print("logged in with", server.code)
"""
#: A browser in which a person logs in at once, or once the file `go` is there. As Chrome does, it opens two
#: connections at a time and may use the second one; it follows what the program answers, and keeps connections.
_BROWSER = """#!{python}
import http.client, os, socket, sys, time, urllib.parse

def connection(netloc):
    made = http.client.HTTPConnection(netloc, timeout=30)
    made.connect()
    return made

def visit(address, method="GET", body=None):
    parts = urllib.parse.urlsplit(address)
    idle, used = connection(parts.netloc), connection(parts.netloc)
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    while True:
        used.request(method, path, body, {{"Connection": "keep-alive"}})
        answer = used.getresponse()
        got, to = answer.read(), answer.getheader("Location")
        if to is None or not to.startswith("/"):
            return to, got
        path = to

address = sys.argv[1]
with open("{place}/opened", "a") as file:
    print(address, file=file)
while os.path.exists("{place}/waits") and not os.path.exists("{place}/go"):
    time.sleep(0.01)
if not address.startswith("https:"):
    address, _ = visit(address)
back = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["redirect_uri"][0]
if os.path.exists("{place}/posts"):
    _, page = visit(back, "POST", "code=4711")
else:
    _, page = visit(back + "?code=4711")
with open("{place}/page.new", "wb") as file:
    file.write(page)
os.rename("{place}/page.new", "{place}/page")
"""
_OTHER = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as taken:
    print(taken.getsockname()[1], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def desktop(home: Home) -> Path:
    """The folder of the desktop of a person with a browser."""
    for tool in ("unshare", "ip"):
        need(tool)
    place = Path(home.path, "desktop")
    place.mkdir()
    home.write("bin/xdg-open", _BROWSER.format(python=sys.executable, place=place), mode=0o755)
    home.env["DISPLAY"] = ":87"
    return place


def apart(far: ViaHost, *names: str) -> ViaHost:
    """Begin sessions on a host that has a loopback of its own; return the host."""
    far.env["DISPLAY"] = ""
    far.write("login.py", _LOGIN)
    opens = " && ".join(["ip link set lo up", *(shlex.join([*far.command, "open", name]) for name in names)])
    done = subprocess.run(["unshare", "-n", "sh", "-c", opens], env=far.env, cwd=far.path, check=False)
    assert done.returncode == 0
    return far


def log_in(
    terminal: Terminal, bound: str = "127.0.0.1", back: str = "http://localhost:PORT/callback", *more: str
) -> int:
    """Have the program log in; return its port once its page is opened."""
    terminal.type(f"clear; {sys.executable} ~/login.py {bound} {back} {' '.join(more or ('0',))}\r")
    return int(terminal.wait_for(re.compile(r"opens 0 (\d+)"))[1])


def attached(home: Home, *words: str) -> Terminal:
    terminal = home.terminal(*words)
    terminal.wait_for(PROMPT)
    return terminal


def is_open(port: int) -> bool:
    """Return whether something takes connections at a port of this machine."""
    for host in ("127.0.0.1", "::1"):
        with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
            if probe.connect_ex((host, port)) == 0:
                return True
    return False


def welcomed(desktop: Path) -> None:
    page = desktop / "page"
    wait_until(page.exists, "the browser has the last page")
    assert page.read_bytes() == b"welcome " * 4_000


@pytest.mark.parametrize(
    ("bound", "back", "more"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:PORT/auth/callback", ["0"], id="codex"),
        pytest.param("127.0.0.1", "http://127.0.0.1:PORT/", ["0", "own"], id="rclone"),
        pytest.param("127.0.0.1", "http://localhost:PORT/callback", ["0"], id="claude", marks=pytest.mark.soak),
        pytest.param("127.0.0.1", "http://localhost:PORT", ["0"], id="az", marks=pytest.mark.soak),
        pytest.param("::1", "http://localhost:PORT/oauth/callback", ["0"], id="wrangler", marks=pytest.mark.soak),
        pytest.param("0.0.0.0", "http://127.0.0.1:PORT/oauth/callback", ["0"], id="aws", marks=pytest.mark.soak),  # noqa: S104
        pytest.param("::", "http://localhost:PORT/", ["0"], id="firebase", marks=pytest.mark.soak),
        pytest.param("::1", "http://[::1]:PORT/", ["0"], id="by-IPv6", marks=pytest.mark.soak),
    ],
)
def test_a_login_comes_home(home: Home, beside: Beside, desktop: Path, bound: str, back: str, more: list[str]) -> None:
    apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    log_in(terminal, bound, back, *more)
    terminal.wait_for("logged in with 4711")
    welcomed(desktop)


@pytest.mark.soak
def test_a_code_that_is_posted_comes_home(home: Home, beside: Beside, desktop: Path) -> None:
    (desktop / "posts").touch()
    apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    log_in(terminal)
    terminal.wait_for("logged in with 4711")
    welcomed(desktop)


# -- links, ports and programs that go meanwhile


@pytest.mark.soak
def test_a_link_that_breaks_during_a_login_heals_and_brings_the_code(home: Home, beside: Beside, desktop: Path) -> None:
    """The person logs in while there is no link."""
    (desktop / "waits").touch()
    far = apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    log_in(terminal)
    wait_until((desktop / "opened").exists, "the browser has the page")
    far.away()
    terminal.wait_for("no link to box")
    (desktop / "go").touch()
    far.back()
    terminal.wait_for("logged in with 4711")
    welcomed(desktop)


@pytest.mark.soak
def test_a_code_that_was_sent_into_a_dead_link_comes_by_the_next_one(home: Home, beside: Beside, desktop: Path) -> None:
    (desktop / "waits").touch()
    far = apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    log_in(terminal)
    wait_until((desktop / "opened").exists, "the browser has the page")
    far.strand()
    (desktop / "go").touch()
    terminal.wait_for("logged in with 4711")
    welcomed(desktop)


@pytest.mark.soak
def test_two_logins_at_once_get_each_its_own_code(home: Home, beside: Beside, desktop: Path) -> None:
    (desktop / "waits").touch()
    apart(beside("box"), "first", "second")
    first, second = attached(home, "@box", "first"), attached(home, "@box", "second")
    ports = {log_in(first), log_in(second, "::1")}
    assert len(ports) == 2
    assert all(map(is_open, ports))
    (desktop / "go").touch()
    first.wait_for("logged in with 4711")
    second.wait_for("logged in with 4711")


@pytest.mark.soak
def test_a_login_goes_on_while_its_person_looks_at_another_session_there(
    home: Home, beside: Beside, desktop: Path
) -> None:
    (desktop / "waits").touch()
    far = apart(beside("box"), "first", "second")
    terminal = attached(home, "@box", "first")
    terminal.type(f"clear; {sys.executable} ~/login.py 127.0.0.1 http://localhost:PORT/ 0 & sleep 3\r")
    port = int(terminal.wait_for(re.compile(r"opens 0 (\d+)"))[1])
    terminal.type("sesh second\r")
    terminal.wait_until(lambda: far.summary("second").get("clients"), "the client shows the other session")
    (desktop / "go").touch()
    terminal.wait_until((desktop / "page").exists, "the browser has the last page")
    terminal.wait_until(lambda: not is_open(port), "nothing listens here any more")


@pytest.mark.soak
def test_a_login_is_listened_for_here_only_while_its_program_listens(home: Home, beside: Beside, desktop: Path) -> None:
    (desktop / "waits").touch()
    apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    port = log_in(terminal)
    assert is_open(port)
    terminal.type("\x03")
    wait_until(lambda: not is_open(port), "nothing listens here any more")
    (desktop / "go").touch()


def test_a_port_that_is_taken_here_opens_nothing_and_names_who_has_it(
    home: Home, beside: Beside, desktop: Path
) -> None:
    apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    other = subprocess.Popen([sys.executable, "-c", _OTHER], env=home.env, stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        terminal.type(f"clear; {sys.executable} ~/login.py 127.0.0.1 http://localhost:PORT/ {port}\r")
        terminal.wait_for(f"port {port} is taken here by {processes.called(other.pid)} (pid {other.pid})")
        terminal.wait_for(f"opens 1 {port}")
        other.kill()
    assert not (desktop / "opened").exists()


@pytest.mark.soak
def test_a_login_at_a_port_of_its_own_can_be_begun_again_at_once(home: Home, beside: Beside, desktop: Path) -> None:
    """The browser still has a connection to the first one."""
    apart(beside("box"), "work")
    terminal = attached(home, "@box", "work")
    (desktop / "waits").touch()
    port = log_in(terminal)
    with socket.create_connection(("127.0.0.1", port)) as kept:
        kept.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        assert kept.recv(100)
        terminal.type("\x03")
        wait_until(lambda: not is_open(port), "nothing listens here any more")
        (desktop / "go").touch()
        log_in(terminal, "127.0.0.1", "http://localhost:PORT/callback", str(port))
        terminal.wait_for("logged in with 4711")


@pytest.mark.soak
def test_a_login_comes_home_over_ssh_from_a_machine_of_its_own(home: Home, farm: Farm, desktop: Path) -> None:
    """Each of the two machines has a loopback of its own, and ssh forwards nothing between them."""
    sshd = ["unshare", "-n", "sh", "-c", f"ip link set lo up && exec {need('sshd')} -i -f %s"]
    server = farm.ground.sshd({"AllowTcpForwarding": "no"})
    words = shlex.join([*sshd[:-1], sshd[-1] % server.config])
    far = farm.host("box", sshd={"AllowTcpForwarding": "no"}, config={"ProxyCommand": words})
    far.account.write("login.py", _LOGIN)
    terminal = attached(home, "@box", "work")
    terminal.type(f"clear; {far.python} ~/login.py 127.0.0.1 http://localhost:PORT/ 0\r")
    terminal.wait_for("logged in with 4711")
    welcomed(desktop)
