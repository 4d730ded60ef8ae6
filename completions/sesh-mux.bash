# sesh-mux: the same completion as for sesh, loaded by bash-completion.
. "${BASH_SOURCE[0]%/*}/sesh.bash"
