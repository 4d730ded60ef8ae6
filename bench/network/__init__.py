"""A client and a host in network namespaces, with a router between them under control."""
