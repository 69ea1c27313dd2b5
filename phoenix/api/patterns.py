"""Patterns of texts in the kinds, and what each asks for in words: nobody should have to read a pattern to be right."""

from __future__ import annotations

from typing import Final

DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OPTIONAL_DNS_LABEL: Final = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"
_PORT: Final = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
HOST_PORT: Final = rf"^([^\s/:@]+|\[[0-9A-Fa-f:.]+\]):{_PORT}$"
URL_PATH: Final = r"^/\S*$"
ABSOLUTE_PATH: Final = r"^/"
RECORDING_PATH: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.(jsonl|json|pb)(\.gz)?$"
"""Below the recordings folder of the host: no part begins with a dot, none is empty, nothing leads out."""
PROCESS_NAME: Final = r"^[A-Za-z0-9_.:@/+-]{1,15}$"
PARAMETER_NAME: Final = r"^[a-z][A-Za-z0-9]*$"
DATE: Final = r"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$"
EXPORTERS: Final = "^(Replace|Keep)$"

WANTED: Final = {
    DNS_LABEL: "lower-case letters, digits and -, beginning and ending with a letter or digit, such as http-lean",
    OPTIONAL_DNS_LABEL: "empty, or lower-case letters, digits and -, beginning and ending with a letter or digit",
    HOST_PORT: "HOST:PORT with a port of 1 to 65535 and nothing else, such as 127.0.0.1:9100 or [::1]:9100",
    URL_PATH: "a path that begins with / and has no blanks, such as /metrics",
    ABSOLUTE_PATH: "an absolute path, which begins with /, such as /etc/phoenix/manifests",
    RECORDING_PATH: "a file below the recordings folder (state/recordings of the host, or up --recordings), not an "
    "absolute path, that ends in .jsonl, .json or .pb, with .gz or not, such as checkout.jsonl or week-3/edge.pb.gz",
    PROCESS_NAME: "1 to 15 letters, digits or any of _ . : @ / + -, as the kernel keeps them, such as nginx",
    PARAMETER_NAME: "a letter from a to z, then letters and digits, such as topK",
    DATE: "a date as YYYY-MM-DD, such as 2026-05-31",
    EXPORTERS: "Replace or Keep",
}
"""What to write, after `must be`."""
