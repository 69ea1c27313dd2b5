"""The verbs, one a file: `flags(parser)`, `options(arguments)`, `run(session, options)`."""
