"""Directories of manifests: what is in them, what to apply in which order, and what may be deleted.

From files, to the manifestsource controller and the command line (`diff`, `apply --prune`). The deciding parts
(`ids`, `ownership`, `desired`, `plan`, `drift`) are pure; `scan`, `tree` and `watching` read directories; `applying`
speaks to the API. A wrong prune must be impossible: see `plan.prune`.
"""
