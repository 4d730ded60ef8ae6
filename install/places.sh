# Sourced by install.sh and uninstall.sh: where sesh is installed, how, and the files that shells and man look for.

data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin
program=$bin/sesh
own=$data/sesh/venv
export PIPX_BIN_DIR="$bin" UV_TOOL_BIN_DIR="$bin"

# installed LINK: prints the environment that ~/.local/bin/sesh, or its second name, leads to; nothing if another program
# has that name.
installed() {
    target=$(readlink "$1") || return 0
    target=${target%-mux}
    case $target in "$own/bin/sesh" | */venvs/sesh-mux/bin/sesh | */tools/sesh-mux/bin/sesh) echo "${target%/bin/sesh}" ;; esac
}

# method ENVIRONMENT: prints what has made it: pipx, uv or install.sh (own). If it is empty, prints what would make it.
method() {
    case $1 in
        "$own") echo own ;;
        */venvs/sesh-mux) echo pipx ;;
        */tools/sesh-mux) echo uv ;;
        *) for tool in pipx uv; do if command -v $tool >/dev/null; then echo $tool; return; fi; done; echo own ;;
    esac
}

# share link|unlink ENVIRONMENT: links its completion scripts and manual pages from the user's directory of data, or
# removes the links. A file of that name that leads elsewhere is neither replaced nor removed.
share() {
    (cd "$2/share" && find . -name '*sesh*' ! -type d) | while read -r path; do
        path=${path#./}
        place=$data/$path
        case $(readlink "$place") in "$2"/*) rm "$place" ;; esac
        if [ "$1" = unlink ]; then
            (cd "$data" && rmdir -p "$(dirname "$path")") 2>/dev/null || true  # directories that are empty now
        elif [ -e "$place" ] || [ -L "$place" ]; then
            echo "make install: $place was not installed by sesh and stays" >&2
        else
            mkdir -p "$(dirname "$place")"
            ln -s "$2/share/$path" "$place"
        fi
    done
}
