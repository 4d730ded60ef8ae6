PS1='\w $ '
# middle
. /usr/share/doc/fzf/examples/key-bindings.bash
