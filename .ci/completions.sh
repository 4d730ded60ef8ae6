#!/bin/sh
# completions.sh install|uninstall: puts the completion scripts where bash, zsh and fish look for them, or removes them.
# A file that sesh did not install is neither overwritten nor removed.
set -eu
data=${XDG_DATA_HOME:-$HOME/.local/share}
settings=${XDG_CONFIG_HOME:-$HOME/.config}
here=$(cd "$(dirname "$0")/../sesh/completions" && pwd)

each() {
    script=$1 place=$2/$3
    if [ -L "$place" ] || { [ -e "$place" ] && ! head -n 2 "$place" | grep -q '^# sesh: completion for '; }; then
        echo "completions: $place was not installed by sesh and stays" >&2
        return 0
    fi
    rm -f "$place"
    if [ "$action" = uninstall ]; then
        (cd "$2" && rmdir -p "$(dirname "$3")") 2>/dev/null || true  # what this leaves empty
        return 0
    fi
    mkdir -p "$(dirname "$place")"
    cp "$here/$script" "$place"
    chmod 644 "$place"
}

action=$1
case $action in install | uninstall) ;; *) echo 'completions.sh install|uninstall' >&2; exit 2 ;; esac
each sesh.bash "$data" bash-completion/completions/sesh
each sesh.bash "$data" bash-completion/completions/sesh-mux
each _sesh "$data" zsh/site-functions/_sesh
each sesh.fish "$settings" fish/completions/sesh.fish
each sesh.fish "$settings" fish/completions/sesh-mux.fish
case $action${SHELL:-} in install*/bash) ;; *) exit 0 ;; esac
for place in /usr/share /usr/local/share /opt/homebrew/share /opt/local/share; do
    if [ -e "$place/bash-completion/bash_completion" ]; then exit 0; fi
done
echo 'note: bash completes sesh once the package bash-completion is installed, or with this line in ~/.bashrc:'
echo '  eval "$(~/.local/bin/sesh --completions bash)"'
