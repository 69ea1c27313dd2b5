"""What can go wrong with a Prometheus.

PrometheusError
├── QueryRefused   it answered: this query has no answer
└── Unreachable    no answer one can use: asking again may help
"""

from __future__ import annotations


class PrometheusError(Exception):
    """The message says which Prometheus, what happened, and what to do."""


class QueryRefused(PrometheusError):
    """The query is at fault, such as labels that do not match one to one; asking again changes nothing."""


class Unreachable(PrometheusError):
    """No answer, or one that is no Prometheus's."""
