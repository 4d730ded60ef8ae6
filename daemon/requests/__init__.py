"""The requests of callers, each a method with typed parameters."""
