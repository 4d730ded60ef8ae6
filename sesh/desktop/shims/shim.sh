#!/bin/sh
# A shim of sesh @VERSION@: it has the desktop of a session's person do what this program does, or runs the next program
# of its name in PATH. Each session that starts makes it anew.
name=@NAME@
sesh=@SESH@

# Succeed if the words are the address of a page.
is_page() {
  [ "$#" = 1 ] || return 1
  case $1 in
    [Hh][Tt][Tt][Pp]://* | [Hh][Tt][Tt][Pp][Ss]://*) return 0 ;;
  esac
  return 1
}

# Succeed if a program of this process can show a window.
has_display() {
  [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] || [ -d /System/Library/CoreServices ]
}

# Succeed if a program is a shim, or a link to one.
is_shim() {
  [ ! -e "${1%/*}/.sesh" ] || return 0
  [ -L "$1" ] || return 1
  { read -r line && read -r line; } <"$1"
  case $line in
    '# A shim of sesh '*) return 0 ;;
  esac
  return 1
}

# The programs that this process has been, by exec: a copy of a shim, or a script that calls its own name, is one once.
case ${SESH_PASSED-} in
  "$$":*) passed=$SESH_PASSED ;;
  *) passed=$$: ;;
esac

# Set `next` to the next program called $1 that is no shim.
find_next() {
  rest=$PATH:
  while [ -n "$rest" ]; do
    next=${rest%%:*}/$1 rest=${rest#*:}
    case $passed in
      *":$next:"*) continue ;;
    esac
    case $next in
      /*) [ ! -f "$next" ] || [ ! -x "$next" ] || is_shim "$next" || return 0 ;;
    esac
  done
  return 1
}

# Become the next program of this name, if there is one.
become_next() {
  case $name in
    sesh-browser) has_display && is_page "$@" && { find_next xdg-open || find_next open || find_next x-www-browser; } ;;
    *) find_next "$name" ;;
  esac || return
  case ${BROWSER-} in
    */sesh-browser) unset BROWSER ;;  # which the next program would run
  esac
  export SESH_PASSED="$passed$next:"
  exec "$next" "$@"
}

hand_on() {
  become_next "$@"
  case $name in
    *browser | xdg-open)
      if is_page "$@" || [ "$name" = sesh-browser ]; then
        # On a terminal in raw mode a program draws.
        ! [ -t 2 ] || case $(stty -a <&2 2>/dev/null) in *-icanon*) exit 0 ;; esac
        printf '%s\n' "$*" >&2
        exit 0  # or the caller would try the next browser, which may take the whole screen
      fi
      ;;
  esac
  printf '%s: command not found\n' "$name" >&2
  exit 127
}

# sesh has found that the call is not its own, and become this shim again: exec keeps the number of the process.
[ "${SESH_HANDED-}" != $$ ] || hand_on "$@"
folder=${SESH_ENV_FILE-} id=${SESH_ENV_FILE##*/.env.}
folder=${folder%/*}
[ -n "$folder" ] || hand_on "$@"
[ -S "$folder/${SESH_SESSION-}.sock" ] || [ -e "$SESH_ENV_FILE" ] || hand_on "$@"  # the session has gone
if [ -e "$folder/.display.$id" ] && has_display; then become_next "$@"; fi
case $name in
  *browser | xdg-open) is_page "$@" || hand_on "$@" ;;
  pb*) become_next "$@" ;;
esac
for sesh in "$sesh" "${HOME-}/.local/bin/sesh"; do
  if [ -x "$sesh" ]; then exec "$sesh" --desk "$0" "$@"; fi
done
hand_on "$@"
