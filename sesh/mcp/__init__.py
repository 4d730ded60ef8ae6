"""sesh for agents: a server of the Model Context Protocol over the Python API, `sesh --mcp` (extra `sesh-mux[mcp]`)."""
