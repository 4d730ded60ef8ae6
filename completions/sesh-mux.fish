# sesh-mux: the same completion as for sesh.
complete -c sesh-mux -w sesh
