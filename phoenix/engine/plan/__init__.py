"""Plans: what a run of processors does to a payload's points, kept and done again on times and values alone.

A sender mostly sends the same series in the same order, tick after tick; its payloads differ in times and values.
Processors that decide by identity (names, types, attributes: `Work.by_identity`) then do to each what they did to the
last one. So: `shape` recognises a payload by everything in it but times and values; the processors run once, the
ordinary way, on a copy whose points carry numbers (`trace`), which tells from which points each point that left came;
`template` is that as arrays, and does the same to the next payload of the shape. A template is used only after it gave,
byte for byte, what the processors gave.

Where a payload's shape is new because some of its series are, a template is put together by series (`byseries`), from
what was learned of each. Processors that remember change values where they stand (`phoenix.engine.processors.inplace`,
`streamrows`); times that are set by rule are set in words (`times`).

What else reads or makes values or times is never planned; what is out of the ordinary (exemplars, points that merged
but have unequal times) goes the ordinary way, payload by payload.
"""
