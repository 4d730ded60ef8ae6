"""Configurations of ssh as people have them: where plain ssh reaches a host, sesh does, by each of its ways."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from sesh.remote.ssh import ssh
from sesh.remote.ssh.destination import Destination
from tests.remote.farm import Farm
from tests.support import Home

GATE = "Host gate\n"
CONFIGURATIONS = {
    "include": "Include {home}/.ssh/conf.d/*\n",
    "match host": "Match host 127.0.0.1\n ServerAliveInterval 7\n Compression no\n",
    "match exec": "Match exec \"test -n '%h' && true\"\n Compression yes\n",
    "match final": "Match final all\n Compression yes\n ConnectTimeout 5\n StrictHostKeyChecking yes\n",
    "match originalhost user": "Match originalhost box user {user} localuser *\n ForwardAgent yes\n",
    "proxy command": "Host box\n ProxyCommand ssh -W %h:%p gate\n",
    "proxy command with quotes": 'Host box\n ProxyCommand sh -c \'exec ssh -W "%h":%p gate 2>/dev/null\' "it\'s"\n',
    "proxy command with a backslash": "Host box\n ProxyCommand sh -c 'a=\"\\\\\"; exec ssh -W %h:%p \\g\\ate'\n",
    "proxy command with fd passing": "Host box\n ProxyUseFdpass no\n ProxyCommand ssh -q -W [%h]:%p gate\n",
    "jump": "Host box\n ProxyJump gate\n",
    "jump by uri": "IdentityFile {key}\nStrictHostKeyChecking no\nHost box\n ProxyJump ssh://{user}@localhost:{port}\n",
    "jumps": "IdentityFile {key}\nStrictHostKeyChecking no\nHost box\n ProxyJump gate,{user}@localhost:{port},last\n",
    "jump with fd passing": "ProxyUseFdpass yes\nHost last\n ProxyJump gate\nHost box\n ProxyJump last\n",
    "jump of a jump": "Host last\n ProxyJump gate\nHost box\n ProxyJump last\n",
    "jump for all but itself": "Host * !gate\n ProxyJump gate\n",
    "no jump": "Host box\n ProxyJump none\nHost *\n ProxyJump nowhere\n",
    "jump with a terminal": f"{GATE} RequestTTY force\n LogLevel DEBUG\nHost box\n ProxyJump gate\n",
    "jump with forwards": f"{GATE} DynamicForward {{free}}\n ExitOnForwardFailure yes\nHost box\n ProxyJump gate\n",
    "jump with a shared connection": (
        f"{GATE} ControlMaster auto\n ControlPath {{home}}/.ssh/g-%C\n ControlPersist 1\nHost box\n ProxyJump gate\n"
    ),
    "canonical": "CanonicalizeHostname yes\nCanonicalDomains localhost localdomain\nCanonicalizeFallbackLocal yes\n",
    "canonical, jump": "CanonicalizeHostname always\nCanonicalizeMaxDots 0\nHost box\n ProxyJump gate\n",
    "own shared": "ControlMaster auto\nControlPath {home}/.ssh/%r@%h:%p\nControlPersist 5\n",
    "own shared, not persisting": 'ControlMaster auto\nControlPath "{home}/.ssh/own %C"\nControlPersist no\n',
    "not shared": "ControlPath none\nControlMaster no\n",
    "shared if asked": "ControlMaster auto\nControlPath {home}/.ssh/%C\nControlPersist 5\n",
    "remote command": "Host box\n RemoteCommand echo never\n RequestTTY force\n",
    "terminal always": "RequestTTY yes\n",
    "no session": "Host box\n SessionType none\n StdinNull yes\n ForkAfterAuthentication yes\n",
    "forward": "Host box\n LocalForward {free} 127.0.0.1:9\n ExitOnForwardFailure yes\n",
    "forwards of all kinds": (
        "Host box\n DynamicForward {free}\n RemoteForward 127.0.0.1:0 127.0.0.1:9\n"
        " LocalForward {home}/.ssh/socket 127.0.0.1:9\n"
        " GatewayPorts no\n PermitRemoteOpen any\n StreamLocalBindUnlink yes\n"
    ),
    "environment": 'SetEnv TERM=xterm-256color A="b c"\nSendEnv LANG LC_* -LC_TIME\n',
    "agent": "IdentityAgent none\n",
    "agent with a blank": 'IdentityAgent "{home}/my agent.sock"\nAddKeysToAgent yes\n',
    "odd case, equals, quotes": 'hOST = "box"\n\tUSER="{user}"\n\tserveraliveINTERVAL =   5\n\tTCPKeepAlive "yes"\r\n',
    "comments": "# a comment\nHost other # another\n User nobody\n  # more\n\nHost *.example.org !box ??\n Port 9\n",
    "address": "AddressFamily inet\nBindAddress 127.0.0.1\nConnectTimeout 7\nConnectionAttempts 2\nTCPKeepAlive no\n",
    "strict": "StrictHostKeyChecking yes\nUserKnownHostsFile /dev/null {home}/.ssh/known_hosts {home}/none\n",
    "known hosts with blanks": 'UserKnownHostsFile "{home}/my hosts" {home}/.ssh/known_hosts\nHashKnownHosts yes\n',
    "no known hosts": "UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n",
    "key alias": "Host box\n HostKeyAlias the-box\n StrictHostKeyChecking accept-new\n CheckHostIP yes\n",
    "keys by a command": "KnownHostsCommand /bin/cat {home}/.ssh/known_hosts\nUserKnownHostsFile none\n",
    "tag": "IgnoreUnknown Tag,UseKeychain,Match\nTag work\nUseKeychain yes\n",
    "certificate": "CertificateFile {home}/none-cert.pub\nIdentityFile ~/.ssh/none\n",
    "escapes": "EnableEscapeCommandline yes\nEscapeChar none\n",
    "silent": "LogLevel QUIET\n",
    "verbose": "LogLevel VERBOSE\nVisualHostKey yes\n",
    "debug": "LogLevel DEBUG3\n",
    "local command": "PermitLocalCommand yes\nLocalCommand echo connected; exec echo %n >&2\n",
    "authentication": (
        "PreferredAuthentications publickey,password\nNumberOfPasswordPrompts 1\nPubkeyAuthentication unbound\n"
        "GSSAPIAuthentication yes\nKbdInteractiveAuthentication no\nHostbasedAuthentication no\n"
    ),
    "display": "ForwardX11 yes\nForwardX11Trusted yes\nForwardAgent yes\nXAuthLocation /none\n",
    "deprecated": "UsePrivilegedPort no\nProtocol 2\nRSAAuthentication no\nUseRoaming no\nCipher aes256-ctr\n",
    "network": "IPQoS none\nRekeyLimit 1M\nCompression yes\nServerAliveCountMax 2\nUpdateHostKeys ask\n",
    "algorithms": "Ciphers +aes256-ctr\nMACs ^hmac-sha2-256\nHostKeyAlgorithms -ssh-rsa\n",
}
FEW = {"jumps", "proxy command with quotes", "odd case, equals, quotes", "no session", "keys by a command"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.soak) for name in CONFIGURATIONS]
)
def test_a_host_that_plain_ssh_reaches_is_reached(here: Home, farm: Farm, name: str) -> None:
    far = farm.host("box")
    farm.host("gate", same_user=far)
    farm.host("last", same_user=far)
    with open(farm.config, encoding="utf-8") as file:
        rest = file.read()
    text = CONFIGURATIONS[name].format(
        home=here.path, user=far.user, port=far.port, free=free_port(), key=farm.ground.identity
    )
    here.write(".ssh/conf.d/more", "Host box\n  ServerAliveInterval 9\n")
    here.write(".ssh/config", f"{text}\n{rest}")
    if "ForkAfterAuthentication" not in text:  # such an ssh would stay
        line = [] if "RemoteCommand" in text else ["echo it"]
        words = ["ssh", "-o", "BatchMode=yes", "box", *line]
        plain = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert plain.returncode == 0, plain
    for control in ("own %C", f"{far.user}@127.0.0.1:{far.port}"):
        path = os.path.join(here.path, ".ssh", control)
        if os.path.exists(path):
            subprocess.run(["ssh", "-F", "none", "-O", "exit", "-o", f'ControlPath="{path}"', "box"], check=False)
    for word in ("first", "second"):
        assert here.sesh("@box", "exec", "--print", "--", "echo", word).stdout == f"{word}\n"
    assert here.sesh("@box", "list").code == 0
    alone = subprocess.run(
        ssh.command(Destination("box"), "echo alone", own_timeout=10),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=ssh.environment(may_prompt=False),
        check=False,
    )
    assert (alone.returncode, alone.stdout.splitlines()[-1:]) == (0, [b"alone"]), alone
