"""Questions to the real Collector beyond what pipelines give; `python -m tests.differential.probes` records answers.

Each module asks one kind: `defaults` (what options are when nothing is written), `exposition` (what the prometheus
exporter shows of each type of point), `internal` (the names of its own telemetry by level), `reload` (SIGHUP). Answers
are kept in `golden/probes/`, with the version they came from; `test_probes.py` holds the embedded engine to them,
`test_probes_live.py` the Collector.
"""
