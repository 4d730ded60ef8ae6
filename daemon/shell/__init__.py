"""`run`: commands typed into a live shell; and the history of commands from shell integration."""
