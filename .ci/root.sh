#!/bin/sh
# root.sh SUITE: prints the path of a root of a Debian release, and makes it first unless it is in the cache.
# root.sh SUITE -n: makes none.
# root.sh SUITE COMMAND…: runs a command in it, with this machine's network, certificates and settings of pip.
#
# All that needs root. SUITE is a release such as `sid`, or `host`: the release whose Python is the oldest that a host may
# have.
set -eu
suite=$1
shift
[ "$suite" != host ] || suite=bullseye # Python 3.9.2; once it is archived, its mirror is another one

fail() { echo "root.sh: $1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "a root of Debian takes root"
folder=${XDG_CACHE_HOME:-$HOME/.cache}/sesh-roots
root=$folder/$suite

if [ "${1-}" = -n ]; then
    shift
    [ -d "$root" ] || fail "no root of Debian $suite is here (make test-in SUITE=$suite makes it)"
fi
if [ ! -d "$root" ]; then
    PATH=$PATH:/usr/sbin:/sbin
    command -v debootstrap >/dev/null 2>&1 || sh "$(dirname "$0")/packages.sh" debootstrap >&2
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1)
    echo "making a root of Debian $suite in $root (once, about two minutes)…" >&2
    mkdir -p "$folder"
    new=$(mktemp -d "$folder/.new-XXXXXX")
    trap 'rm -rf "$new" "$new.log"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$new"
    # What debootstrap mounts is gone when it ends, however it ends.
    unshare --mount debootstrap --variant=minbase --include=python3,ca-certificates "$suite" "$new" \
        "${mirror:-http://deb.debian.org/debian}" >"$new.log" 2>&1 </dev/null ||
        { tail -n 5 "$new.log" >&2; fail "debootstrap failed"; }
    mv -T "$new" "$root" 2>/dev/null || [ -d "$root" ] # another one may have been faster
    rm -rf "$new" "$new.log"
fi
[ $# -gt 0 ] || { echo "$root"; exit 0; }

# The mounts are seen by this command alone, and end with it, as do all processes that it leaves.
exec unshare --mount --pid --fork --kill-child sh -c '
    root=$1
    shift
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs /etc/pip.conf /etc/xdg/pip; do
        [ -e "$path" ] || continue
        if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$root${path%/*}" && : >>"$root$path"; fi
        mount --bind "$path" "$root$path"
    done
    exec chroot "$root" env HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
' root "$root" "$@"
