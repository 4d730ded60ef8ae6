"""Installing sesh on other hosts."""
