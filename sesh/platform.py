"""Facts of the system: processes, peers, terminals, logins; the only place where Linux and macOS differ."""

from __future__ import annotations

import os
import sys

from sesh import lean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sesh.lean import socket

LINUX = sys.platform.startswith("linux")
LONGEST_SOCKET_PATH = 107 if LINUX else 103
"""Bytes of `sun_path`, less the closing NUL."""

_LOCAL_PEERCRED = 0x001
_SO_ACCEPTCON = 1 << 16
"""The flag of listening sockets in /proc/net/unix."""
_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.gluster", "fuse.sshfs")
"""Beginnings of the names of network file systems."""
_IN_MEMORY = ("tmpfs", "ramfs")
"""File systems that lie in memory."""
_IN_MOVED_TO, _IN_CREATE = 0x80, 0x100
_LONGEST_COMMAND = 64 << 10
"""Bytes."""
_MOST_CHILDREN = 1000
_LONGEST_COMM = 15
"""Bytes of the name that the kernel keeps of a process (TASK_COMM_LEN, less the closing NUL)."""
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")
_OOM_SCORE = "/proc/self/oom_score_adj"
OOM_ROOM = 100
"""By how much a session's program is preferred to its daemon when memory runs out: as if it had a tenth of it more."""
_SYSTEMD = "/run/systemd/system"
"""It is there if systemd runs the machine: sd_booted(3)."""


def peer_pid(peer: socket.socket) -> int:
    """The process at the other end of a Unix socket; of a listening one, who called listen(2). Linux only."""
    return int.from_bytes(peer.getsockopt(1, 17, 12)[:4], sys.byteorder)  # SOL_SOCKET, SO_PEERCRED


def peer_uid(peer: socket.socket) -> int:
    """The user at the other end of a Unix socket (SO_PEERCRED; LOCAL_PEERCRED on macOS). Raises OSError."""
    if LINUX:
        credentials = peer.getsockopt(1, 17, 12)  # SOL_SOCKET, SO_PEERCRED: pid, uid, gid
    else:
        credentials = peer.getsockopt(0, _LOCAL_PEERCRED, 76)  # struct xucred: version, uid, …
    return int.from_bytes(credentials[4:8], sys.byteorder)


def is_unmapped(uid: int) -> bool:
    """Returns whether a uid stands for users that this user namespace does not map, as root in some containers.

    They all have the overflow uid (user_namespaces(7)), a user like others if the namespace maps it. Linux only.
    """
    if not LINUX or _read("/proc/sys/kernel/overflowuid").strip() != str(uid).encode():
        return False
    ranges = [[int(number) for number in line.split()] for line in _read("/proc/self/uid_map").splitlines()]
    return bool(ranges) and not any(first <= uid < first + count for first, _, count in ranges)


def has_acl(path: str) -> bool:
    """Returns whether a file has an access control list: the group's bits then are its mask (acl(5)). Linux only."""
    try:
        return LINUX and "system.posix_acl_access" in os.listxattr(path, follow_symlinks=False)
    except OSError:
        return False


def _read(path: str, most: int | None = None, *, once: bool = False) -> bytes:
    """The content of a file of /proc, as by `read_proc`; empty if it is missing or not readable."""
    try:
        return read_proc(path, most, once=once)
    except OSError:
        return b""


def read_proc(path: str, most: int | None = None, *, once: bool = False) -> bytes:
    """The content of a file of /proc or /etc, at most `most` bytes. Raises OSError.

    `once`: it is one short line, as `stat` and `syscall`, which the kernel hands over in one read.
    """
    # Not by open(), which asks four more things of the kernel: a daemon reads hundreds of these at a time.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if once:
            return os.read(descriptor, 4096)
        read = b""
        while (most is None or len(read) < most) and (block := os.read(descriptor, 65536)):
            read += block
        return read[:most]
    finally:
        os.close(descriptor)


def _printed(*words: str) -> str:
    """The stdout of a program, such as `ps` on systems without /proc. Raises OSError."""
    import subprocess

    from sesh import programs

    return subprocess.run(words, capture_output=True, text=True, env=programs.environment(), check=False).stdout


def stat_of(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat from the third on, the state; the name before may hold blanks and parentheses.

    Empty if there is no such process. A thread is `PID/task/TID`.
    """
    return _fields(_read(f"/proc/{pid}/stat", once=True))


def _fields(content: bytes) -> list[str]:
    return content.rpartition(b")")[2].decode("ascii", "replace").split()


def start_time(pid: int) -> str:
    """The start of a process, as a text to compare: a pid used again has another. Empty if it does not live."""
    if LINUX:
        fields = stat_of(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""
    return _printed("ps", "-o", "lstart=", "-p", str(pid)).strip()


def controlling_tty(pid: int = 0) -> int:
    """The controlling terminal of a process, else of the caller, as `device_number` has it; 0 if there is none."""
    if LINUX:
        fields = stat_of(pid or "self")
        return int(fields[4]) if len(fields) > 4 else 0
    name = _printed("ps", "-o", "tty=", "-p", str(pid or os.getpid())).strip()
    try:
        return device_number(os.stat(f"/dev/{name}").st_rdev) if name and "?" not in name else 0
    except OSError:
        return 0


def session_starter() -> int:
    """The parent of the leader of the caller's process session, who had it call setsid(2); 0 if that is not known."""
    return parent_of(os.getsid(0))


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if that is not known."""
    parent = stat_of(pid)[1:2] if LINUX else _printed("ps", "-o", "ppid=", "-p", str(pid)).split()
    return int(parent[0]) if parent else 0


def device_number(rdev: int) -> int:
    """The number of a terminal, from its `st_rdev`: on Linux in the kernel's own encoding (`tty_nr` of proc(5))."""
    if not LINUX:
        return rdev
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def terminal_filesystem() -> int:
    """The device of the file system that holds the caller's terminals: a container has another one."""
    try:
        return os.stat("/dev/pts" if LINUX else "/dev").st_dev
    except OSError:
        return 0


def directory_of(pid: int) -> str:
    """The current directory of a process, empty if unknown."""
    if LINUX:
        try:
            return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        except OSError:
            return ""
    listed = _printed("lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn")
    return next((line[1:] for line in listed.splitlines() if line.startswith("n")), "")


def command_of(pid: int) -> list[str]:
    """The words that a process was started with, as many of them as 64 KiB hold; empty if unknown."""
    if LINUX:
        words = _read(f"/proc/{pid}/cmdline", _LONGEST_COMMAND).rstrip(b"\0").split(b"\0")
        return [word.decode("utf-8", "replace") for word in words] if words != [b""] else []
    return _printed("ps", "-o", "args=", "-p", str(pid)).split()


def command_of_group(group: int, shell: int) -> list[str]:
    """The words of a process group's leader; if it has ended before the others, those of the first that goes on.

    `shell`: the process whose children the group's are. A pipe's first command is often the first to end.
    """
    if words := command_of(group):
        return words
    if LINUX:
        children = _read(f"/proc/{shell}/task/{shell}/children").split()[:_MOST_CHILDREN]
        members = [int(pid) for pid in children if stat_of(int(pid))[2:3] == [str(group)]]
    else:
        rows = [line.split() for line in _printed("ps", "-axo", "pid=,pgid=").splitlines()]
        members = [int(row[0]) for row in rows if row[1:] == [str(group)]]
    return next(filter(None, map(command_of, members)), [])


_title_room: list[tuple[int, int]] = []


def set_process_title(text: str) -> None:
    """Has `ps` show a text for this process in place of its arguments, which all users may read.

    The text overwrites the arguments in memory, cut to their length. If the system has no way, they stay.
    """
    title = text.encode()
    try:
        if not _title_room:
            _title_room.append(_argument_memory())
        address, size = _title_room[0]
        _overwrite(address, title[: size - 1].ljust(size, b"\0"))
        if LINUX:
            with open("/proc/self/comm", "wb", buffering=0) as file:
                file.write(title[:_LONGEST_COMM])
    except (OSError, AttributeError, ValueError):
        return


def _argument_memory() -> tuple[int, int]:
    """The address and the size in bytes of this process's arguments in its memory. Raises ValueError if unknown."""
    if LINUX:
        start, end = (int(field) for field in stat_of("self")[45:47])  # arg_start, arg_end
    else:
        import ctypes

        library = ctypes.CDLL(None)
        library._NSGetArgc.restype = ctypes.POINTER(ctypes.c_int)
        library._NSGetArgv.restype = ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))
        words = library._NSGetArgv()[0]
        start = end = words[0] or 0
        for index in range(library._NSGetArgc()[0]):
            if words[index] != end:
                break  # it lies elsewhere
            end += len(ctypes.string_at(words[index])) + 1
    if not start or end <= start:
        raise ValueError("unknown")
    return start, end - start


def _overwrite(address: int, data: bytes) -> None:
    """Writes into this process's memory; through /proc if there is one, for ctypes takes long to load."""
    try:
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), data, address)
    except OSError:
        import ctypes

        ctypes.memmove(address, data, len(data))


def own_processes() -> list[tuple[int, int, list[str]]]:
    """The caller's own processes, dead ones left out: (pid, parent's pid, arguments with the program)."""
    if not LINUX:
        rows = [line.split(None, 2) for line in _printed("ps", "-xo", "pid=,ppid=,args=").splitlines()]
        return [(int(row[0]), int(row[1]), row[2].split()) for row in rows if len(row) == 3]
    processes = []
    for pid, fields in _living():
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.geteuid():
                processes.append((pid, int(fields[1]), command_of(pid)))
        except OSError:
            continue  # it ended just now
    return processes


def holders(path: str) -> dict[int, list[str]]:
    """The caller's own processes that have a file or directory open: arguments by pid. Empty without /proc."""
    path = os.path.realpath(path)
    return {pid: words for pid, _, words in own_processes() if path in open_paths(pid)}


def open_paths(pid: int) -> set[str]:
    """What a process has open, as in /proc/PID/fd; empty if that is not known."""
    opened = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                opened.add(os.readlink(f"/proc/{pid}/fd/{number}"))
            except FileNotFoundError:
                continue  # it was closed
    except OSError:
        return set()  # it has ended, or there is no /proc
    return opened


def _living(session: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The pid and the fields of `stat_of` of each process of this system that is not dead or hidden. Raises OSError.

    `session`: only those of a process session. No file is read of the others: a hundred daemons may look at once.
    """
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                if session is not None and os.getsid(int(entry)) != session:
                    continue
            except OSError:
                pass  # its file says whether it has ended
            try:
                fields = _fields(read_proc(f"/proc/{entry}/stat", once=True))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or is hidden: another user's
            if len(fields) > 3 and fields[0] not in "ZX":
                yield int(entry), fields


def listening() -> dict[str, str]:
    """The paths of listening Unix sockets, by the text that the links in /proc/PID/fd have for them.

    Empty if the kernel does not tell. Several sockets may have listened at one path, one after the other.
    """
    sockets = {}
    for line in _read("/proc/net/unix").decode("utf-8", "surrogateescape").splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and int(words[3], 16) & _SO_ACCEPTCON and words[7][:1] == "/":
            sockets[f"socket:[{words[6]}]"] = words[7]
    return sockets


def network_filesystem(path: str) -> str:
    """The kind of the network file system that holds a path, empty if it is a local one, or unknown."""
    kind = _filesystem(path)
    return kind if kind.startswith(_NETWORK) else ""


def on_local_disk(path: str) -> bool:
    """Returns whether what is written below a path takes no memory (tmpfs), and no network."""
    return not _filesystem(path).startswith((*_NETWORK, *_IN_MEMORY))


def _filesystem(path: str) -> str:
    """The kind of the file system that holds a path; empty if unknown."""
    best, kind = "", ""
    if LINUX:
        rows = [line.split(" ") for line in _read("/proc/self/mountinfo").decode("utf-8", "replace").splitlines()]
        mounts = [(row[4], row[row.index("-") + 1]) for row in rows if "-" in row[6:] and len(row) > 8]
    else:
        parted = [line.partition(" on ")[2].rpartition(" (") for line in _printed("mount").splitlines()]
        mounts = [(point, options.rstrip(")").split(",")[0]) for point, _, options in parted if point[:1] == "/"]
    real = os.path.realpath(path)
    for point, mounted in mounts:
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, mounted
    return kind


def longest_line(descriptor: int) -> int:
    """Bytes of a line that a terminal passes on to a program that reads lines; of a longer one it drops the rest."""
    return 4095 if LINUX else os.fpathconf(descriptor, "PC_MAX_CANON")


def groups_of_session(leader: int) -> list[int]:
    """The process groups of the session that `leader` leads, its own first, dead ones left out.

    A shell has to hear of its end before its job: otherwise it goes on with the next command of its line. It comes
    first by rule, as its number is the lowest only until the system's numbers begin again. Raises OSError if the system
    does not say: no process must be taken for a dead one because no descriptor is left to look at it.
    """
    groups: set[int] = set()
    if LINUX:
        groups = {int(fields[2]) for _, fields in _living(leader) if fields[3] == str(leader)}
    else:
        for line in _printed("ps", "-axo", "pid=,pgid=,stat=").splitlines():
            pid, group, state = line.split()[:3]
            try:
                if state[0] != "Z" and os.getsid(int(pid)) == leader:
                    groups.add(int(group))
            except OSError:
                continue  # it has ended
    return sorted(groups, key=lambda group: (group != leader, group))


def boot_id() -> str:
    """A text that changes with each start of the machine. Raises OSError if no descriptor is left to read it."""
    if LINUX:
        return _read_text("/proc/sys/kernel/random/boot_id")
    return _printed("sysctl", "-n", "kern.bootsessionuuid").strip()


def shutting_down() -> bool:
    """Returns whether systemd is shutting the machine down or restarting it; waits a second at most."""
    if not (LINUX and os.path.isdir(_SYSTEMD)):
        return False
    from sesh import programs

    state = programs.printed("systemctl", "is-system-running", timeout=1.0)  # `stopping`: systemctl(1)
    return (state or "").strip() == "stopping"


def outlive_programs() -> None:
    """Gives this process the score that it would have if it was not started in a session; it must be allowed to."""
    score = oom_class()
    if score is not None and score != _oom_score():
        _write_oom_score(score)


def yield_memory() -> None:
    """Has the kernel end this process, when memory runs out, rather than the one that started it (proc(5))."""
    score = _oom_score()
    if score is not None:
        _write_oom_score(min(1000, score + OOM_ROOM))


class yielding_memory:  # noqa: N801 (a context manager named as what it does)
    """Has what is started meanwhile inherit the score of `yield_memory`; then this process has its own again."""

    def __enter__(self) -> None:
        self._score = _oom_score()
        yield_memory()

    def __exit__(self, *_: object) -> None:
        if self._score is not None:
            _write_oom_score(self._score)


def oom_class() -> int | None:
    """This process's score for when memory runs out, inside a session as outside: less what `yield_memory` has added.

    Inside is where SESH_SESSION is set; another score than 0 may be somebody's wish (systemd's DefaultOOMScoreAdjust=).
    """
    score = _oom_score()
    if score is None or score < OOM_ROOM or "SESH_SESSION" not in os.environ:
        return score
    return score - OOM_ROOM


def _oom_score() -> int | None:
    try:
        return int(_read(_OOM_SCORE)) if LINUX else None
    except ValueError:
        return None


def _write_oom_score(score: int) -> None:
    try:
        descriptor = os.open(_OOM_SCORE, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(score).encode())
        finally:
            os.close(descriptor)
    except OSError:
        return  # /proc is hidden, or only root may lower it so far


def ended_for_memory() -> int | None:
    """The number of processes of this control group that the kernel has ended as memory ran out; None if unknown."""
    for line in _read("/proc/self/cgroup").decode("utf-8", "surrogateescape").splitlines() if LINUX else ():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            file = f"/sys/fs/cgroup/memory{path}/memory.oom_control"  # of version 1, which comes first
        elif not controllers:
            file = f"/sys/fs/cgroup{path}/memory.events"
        else:
            continue
        for word, _, count in (row.partition(b" ") for row in _read(file).splitlines()):
            if word == b"oom_kill" and count.isdigit():
                return int(count)
    return None


def machine() -> str:
    """A name for this machine, to tell it from others that share the home directory.

    Raises OSError if no descriptor is left to read it: with another name, its sessions would be another machine's.
    """
    return _read_text("/etc/machine-id") or os.uname().nodename


def _read_text(path: str) -> str:
    """The stripped text of a system's file, empty if it is missing or hidden. Raises OSError."""
    try:
        return read_proc(path).decode("ascii", "replace").strip()
    except (FileNotFoundError, PermissionError):
        return ""


def give_back() -> None:
    """Gives unused memory of the process back to the system (malloc_trim(3), if there is one)."""
    import ctypes

    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def unread(pipe: int) -> int:
    """Bytes in a pipe that its reader has not taken yet."""
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def window_size(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, width and height in pixels of a terminal, 0 if unknown (ioctl_tty(2), TIOCGWINSZ).

    Raises OSError if the descriptor is no terminal.
    """
    import fcntl
    import termios

    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def watch_directory(path: str) -> int:
    """A descriptor that becomes readable when a name appears in a directory (inotify); -1 if there is none."""
    if not LINUX:
        return -1
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return -1
    if library.inotify_add_watch(descriptor, os.fsencode(path), _IN_CREATE | _IN_MOVED_TO) < 0:
        os.close(descriptor)
        return -1
    return descriptor


_CALLS = {"x86_64": (250, 252), "aarch64": (219, 31)}
"""The numbers of keyctl and ioprio_get (syscalls(2)) by the kind of machine."""
_GET_KEYRING_ID, _SESSION_KEYRING, _OF_PROCESS = 0, -3, 1


def keyring_and_io_priority() -> tuple[int, int]:
    """This process's session keyring (keyctl_get_keyring_ID(3)) and I/O priority (ioprio_get(2)); -1 if unknown.

    No file in /proc tells of them.
    """
    if not LINUX or sys.maxsize < 1 << 32 or (numbers := _CALLS.get(os.uname().machine)) is None:
        return -1, -1
    keyring = lean.system_call(numbers[0], _GET_KEYRING_ID, _SESSION_KEYRING, 0)
    return keyring, lean.system_call(numbers[1], _OF_PROCESS, 0)


def has_terminfo(term: str, env: Mapping[str, str]) -> bool:
    """Returns whether this host has a terminfo entry of that name for programs with these variables (terminfo(5))."""
    if not term or term.startswith(".") or "/" in term or not (term.isascii() and term.isprintable()):
        return False
    home = env.get("HOME")
    folders = [env.get("TERMINFO"), home and os.path.join(home, ".terminfo"), *env.get("TERMINFO_DIRS", "").split(":")]
    entries = (os.path.join(term[0], term), os.path.join(f"{ord(term[0]):x}", term))
    present = filter(None, (*folders, *_TERMINFO))
    return any(os.path.isfile(os.path.join(folder, entry)) for folder in present for entry in entries)


def logind_kills() -> bool:
    """Returns whether logind kills a user's processes at logout; the last setting in the order of its files counts."""
    files = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        if os.path.isdir(folder):
            files += sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".conf"))
    kills = False
    for path in files:
        try:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    key, _, value = line.partition("=")
                    if key.strip() == "KillUserProcesses":
                        kills = value.strip().lower() in ("yes", "true", "on", "1")
        except OSError:
            continue
    return kills
