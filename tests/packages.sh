#!/bin/sh
# The programs that tests drive. What is missing is installed as root, or if INSTALL or CI is set; else it is named. A
# test whose program is still missing says so and is skipped (where CI is set, it fails).
set -u
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")" || exit 1

if command -v apt-get >/dev/null 2>&1; then
    pairs="ps:procps ssh:openssh-client sshd:openssh-server useradd:passwd faketime:faketime ip:iproute2 locale-gen:locales"
elif command -v dnf >/dev/null 2>&1; then
    pairs="ps:procps-ng ssh:openssh-clients sshd:openssh-server useradd:shadow-utils ip:iproute"
elif command -v pacman >/dev/null 2>&1; then
    pairs="ps:procps-ng ssh:openssh sshd:openssh useradd:shadow faketime:libfaketime ip:iproute2"
elif command -v apk >/dev/null 2>&1; then
    pairs="ps:procps ssh:openssh-client sshd:openssh-server useradd:shadow faketime:libfaketime ip:iproute2"
else
    pairs="ps:procps ssh:openssh sshd:openssh"
fi
for tool in bash zsh fish dash tcsh autossh busybox vim less tmux screen dtach htop rsync npm; do
    pairs="$pairs $tool:$tool"
done
pairs="$pairs nvim:neovim node:nodejs keyctl:keyutils numactl:numactl"

missing=
for pair in $pairs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -z "$missing" ] && exit 0

if [ -n "${INSTALL:-}${CI:-}" ] && [ "$(id -u)" != 0 ] && ! command -v brew >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; then
    exec sudo -n sh ./packages.sh
fi

# An ssh server that comes for the tests must not begin to serve this machine.
guard=
case "$missing" in
    *openssh-server*)
        if [ "$(id -u)" = 0 ] && [ -d /usr/sbin ] && [ ! -e /usr/sbin/policy-rc.d ]; then
            guard=/usr/sbin/policy-rc.d
            trap 'rm -f "$guard"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 "$guard"
        fi
        ;;
esac
# shellcheck disable=SC2086 # package names are words
../.ci/packages.sh $missing
if [ -n "$guard" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now ssh.service ssh.socket >/dev/null 2>&1
fi
exit 0
