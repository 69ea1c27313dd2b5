"""The receivers of the embedded engine, one folder entry a type; `phoenix.engine.registry` lists them."""
