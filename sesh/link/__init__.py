"""Links: how one is known to be dead, and the attempts that replace it."""
