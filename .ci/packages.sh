#!/bin/sh
# packages.sh PACKAGE…: installs system packages, without asking anything: as root, as in a container, or where that is
# asked for (INSTALL=1, CI) with brew or `sudo -n`. Otherwise it only names them: the machine is a person's.
# Names what it cannot install, and exits with 1 after it has installed the others.
set -u

if [ "$(id -u)" = 0 ]; then
    sudo=
elif [ -z "${INSTALL:-}${CI:-}" ]; then
    echo "not installed: $* (add INSTALL=1 to the line of make, and they are, with sudo or brew)" >&2
    exit 1
elif sudo -n true >/dev/null 2>&1; then
    sudo="sudo -n"
else
    sudo=none
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

manager=
for candidate in apt-get dnf apk pacman brew; do
    if command -v $candidate >/dev/null 2>&1; then
        manager=$candidate
        break
    fi
done

install() {
    case $manager in
        apt-get) $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" ;;
        dnf) $sudo dnf install -y -q "$@" ;;
        apk) $sudo apk add -q "$@" ;;
        pacman) $sudo pacman -S --noconfirm --needed "$@" ;;
        brew) brew install -q "$@" ;;
    esac </dev/null >>"$log" 2>&1
}

refresh() {
    case $manager in
        apt-get) $sudo apt-get update -q ;;
        apk) $sudo apk update -q ;;
        pacman) $sudo pacman -Sy --noconfirm ;;
    esac </dev/null >>"$log" 2>&1
}

if [ -z "$manager" ] || { [ "$manager" != brew ] && [ "$sudo" = none ]; }; then
    echo "packages.sh: not installed, for want of a package manager or of root: $*" >&2
    exit 1
fi
echo "installing $*"
install "$@" && exit 0
refresh
install "$@" && exit 0
missing=
for package in "$@"; do
    install "$package" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
tail -n 5 "$log" >&2
echo "packages.sh: could not be installed:$missing" >&2
exit 1
