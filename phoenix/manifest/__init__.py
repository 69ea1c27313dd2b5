"""YAML and JSON manifests to objects as they go on the wire, with the line each field was written on.

From files and directories, to the command line (apply, validate) and to watched directories. Checks what only the text
can show (syntax, duplicate keys, kinds nobody knows); the API checks the rest, and `ManifestObject.where` turns the
field paths of its answers into file:line. Speaks to no server.
"""
