"""`--run`: commands typed into a live shell, and the reports of shell integration."""
