"""Child program: sends the same modelled bytes to every target."""
