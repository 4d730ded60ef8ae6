#!/bin/sh
# Installs this checkout with pipx or uv, or else into an environment of its own, as ~/.local/bin/sesh. A sesh that is
# installed is replaced in the way in which it was installed. EXTRAS=mcp adds an extra, FORCE=1 replaces another program.
set -eu
cd "$(dirname "$0")/.."
. install/places.sh

environment=$(installed "$program")
if [ -z "$environment${FORCE-}" ] && { [ -e "$program" ] || [ -L "$program" ]; }; then
    echo "make install: $program is another program and stays; FORCE=1 replaces it" >&2
    exit 1
fi
[ -n "$environment" ] || environment=$(installed "$program-mux")
what=.${EXTRAS:+[$EXTRAS]}
mkdir -p "$bin"
rm -rf build/lib build/bdist.*  # setuptools would install what an older build left there
case $(method "$environment") in
    pipx)
        replaces=$environment${FORCE-}
        pipx install ${replaces:+--force} "$what"
        ;;
    uv) uv tool install --force --reinstall "$what" ;;
    own)
        mkdir -p "$data/sesh"
        sh .ci/venv.sh "$own"
        "$own/bin/python" -m pip --disable-pip-version-check --no-input install -q "$what"
        rm -f "$program"
        ln -s "$own/bin/sesh" "$program"
        # Its second name, for whoever has another program called sesh.
        [ -e "$program-mux" ] || [ -L "$program-mux" ] || ln -s "$own/bin/sesh" "$program-mux"
        ;;
esac
rm -rf build/lib build/bdist.*
rmdir build 2>/dev/null || true
[ -z "$environment" ] || note='note: sessions that run go on with what was installed before; to move them to this: sesh reload'
environment=$(installed "$program")
if [ -z "$environment" ]; then
    echo "make install: $program is still another program; move it away, and repeat this" >&2
    exit 1
fi
sh install/isolate.sh "$environment"
share link "$environment"
echo "installed: $program"
[ -z "${note-}" ] || echo "$note"
case ":$PATH:" in
    *":$bin:"*) ;;
    *)
        echo 'note: ~/.local/bin is not in your PATH; type this, and put it at the top of ~/.bashrc or ~/.zshrc:'
        echo '  export PATH="$HOME/.local/bin:$PATH"'
        ;;
esac
