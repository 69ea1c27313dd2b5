"""The kinds of phoenix.io/v1alpha1 (and the two core ones), as models: shape, defaults, units, validation. Pure.

One kind a file. The models are the one source of schemas: `phoenix.api.schema` turns them into CRDs, JSON Schemas,
pruning, defaulting and unknown-field reports; `phoenix.api.scheme` is the table of all kinds.
"""
