"""`--run`: commands typed into a live shell, and what shell integration reports."""
