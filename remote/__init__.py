"""The remote room: other machines reached over ssh, or any command that runs its words over there."""
