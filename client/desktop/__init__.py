"""What programs wish of the machine of their person: asked by the daemon, decided and done here."""
