"""What programs of a session want of their person's desktop, and the way there by the leader's client (`desk`)."""
