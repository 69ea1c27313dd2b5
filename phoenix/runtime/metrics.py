"""What controllers and informers count, in the process's Prometheus registry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECONCILES = Counter(
    "phoenix_reconcile", "Reconciles by outcome: success, requeue_after, retry_after, error, terminal_error",
    ["controller", "result"],
)  # fmt: skip
RECONCILE_SECONDS = Histogram(
    "phoenix_reconcile_seconds", "Time of one reconcile, seconds", ["controller"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
)  # fmt: skip
ACTIVE_WORKERS = Gauge("phoenix_reconcile_active_workers", "Reconciles running now", ["controller"])
QUEUE_DEPTH = Gauge("phoenix_workqueue_depth", "Keys waiting, those of delayed ones not counted", ["queue"])
QUEUE_ADDS = Counter("phoenix_workqueue_adds", "Keys put in, repeated ones not counted", ["queue"])
QUEUE_RETRIES = Counter("phoenix_workqueue_retries", "Keys put in again after a failure", ["queue"])
INFORMER_OBJECTS = Gauge("phoenix_informer_objects", "Objects in the cache", ["kind"])
INFORMER_LISTS = Counter("phoenix_informer_lists", "Lists, the first one included", ["kind"])
INFORMER_FAILURES = Counter("phoenix_informer_failures", "Lists and watches that failed", ["kind"])
EVENTS = Counter("phoenix_events_recorded", "Events written, by reason", ["component", "reason"])
