# sesh's part of fish, which `make install` and `sesh deploy` put here: in a session it loads the shell integration.
if set -q SESH_ENV_FILE; and status is-interactive; and test -x ~/.local/bin/sesh
    ~/.local/bin/sesh shell-init fish | source
end
