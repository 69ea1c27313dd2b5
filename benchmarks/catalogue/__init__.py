"""What each template of the catalogue cuts and loses, measured: `make catalogue` writes docs/catalogue.md."""
