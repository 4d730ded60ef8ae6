"""sesh for agents: `sesh mcp` serves the Model Context Protocol (extra `sesh-mux[mcp]`)."""
