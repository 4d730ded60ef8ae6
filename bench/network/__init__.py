"""A client and a host in network namespaces of their own, with a router between them that the test controls."""
