"""phoenixctl: every verb a person or a script needs, over the API and nothing else.

One verb a file in `commands/`, each with the same three steps: `flags` (what can be typed) → `options` (a checked,
frozen value) → `run`. Modules of verbs are imported when their verb is typed, so that `--help` and `version` start at
once.
"""
