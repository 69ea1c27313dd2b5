"""The functions of OTTL that this engine has, by name; each file holds one family."""

from __future__ import annotations

from phoenix.engine.ottl.functions.aggregate import AGGREGATES
from phoenix.engine.ottl.functions.collections import COLLECTIONS
from phoenix.engine.ottl.functions.digests import DIGESTS
from phoenix.engine.ottl.functions.distributions import DISTRIBUTIONS
from phoenix.engine.ottl.functions.editors import EDITORS
from phoenix.engine.ottl.functions.maps import MAPS
from phoenix.engine.ottl.functions.metrics import FILTER_CONVERTERS, METRIC_EDITORS
from phoenix.engine.ottl.functions.parsing import PARSING
from phoenix.engine.ottl.functions.text import TEXT
from phoenix.engine.ottl.functions.times import TIMES
from phoenix.engine.ottl.functions.types import TYPES
from phoenix.engine.ottl.signature import Function

_STANDARD = (*EDITORS, *MAPS, *TYPES, *TEXT, *DIGESTS, *PARSING, *COLLECTIONS, *TIMES)

TRANSFORM: dict[str, Function] = {
    function.name: function for function in (*METRIC_EDITORS, *DISTRIBUTIONS, *AGGREGATES, *_STANDARD)
}
"""What statements and conditions of the transform processor may call."""

FILTER: dict[str, Function] = {
    function.name: function for function in (*FILTER_CONVERTERS, *_STANDARD) if function.name[0].isupper()
}
"""What conditions of the filter processor may call."""

ELSEWHERE = frozenset({
    "All", "Any", "CommunityID", "ConvertAttributesToElementsXML", "ConvertTextToElementsXML", "ExtractGrokPatterns",
    "Filter", "Find", "GetXML", "InsertXML", "IsValidLuhn", "MapEach", "MapKeys", "ParseSeverity", "ParseSimplifiedXML",
    "ParseXML", "ProfileID", "Reduce", "RemoveXML", "SpanID", "TraceID", "UUID", "UUIDv7", "UserAgent", "When",
})  # fmt: skip
"""Functions that the Collector has and this engine does not."""
