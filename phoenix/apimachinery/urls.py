"""URLs that people give us to send requests to."""

from __future__ import annotations

from urllib.parse import urlsplit


def fault_of_url(url: str) -> str:
    """Why a URL is no base URL of an HTTP server, in words; empty: it is one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{url!r} is no URL ({error}): write http://HOST:9090"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"{url!r} is no http or https URL: write http://HOST:9090"
    if parts.username is not None or parts.password is not None:
        return "a URL must not hold credentials: they belong into a file of the host (docs/prometheus.md)"
    if parts.query or parts.fragment:
        return f"{url!r} has a query or fragment: write the base URL, such as http://HOST:9090"
    return ""
