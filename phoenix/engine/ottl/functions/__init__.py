"""The functions of OTTL that this engine has, by name; each file holds one family."""

from __future__ import annotations

from phoenix.engine.ottl.functions.aggregate import AGGREGATES
from phoenix.engine.ottl.functions.collections import COLLECTIONS
from phoenix.engine.ottl.functions.editors import EDITORS
from phoenix.engine.ottl.functions.metrics import FILTER_CONVERTERS, METRIC_EDITORS
from phoenix.engine.ottl.functions.text import TEXT
from phoenix.engine.ottl.functions.times import TIMES
from phoenix.engine.ottl.functions.types import TYPES
from phoenix.engine.ottl.signature import Function

_CONVERTERS = (*TYPES, *TEXT, *COLLECTIONS, *TIMES)

TRANSFORM: dict[str, Function] = {
    function.name: function for function in (*EDITORS, *METRIC_EDITORS, *AGGREGATES, *_CONVERTERS)
}
"""What statements and conditions of the transform processor may call."""

FILTER: dict[str, Function] = {function.name: function for function in (*FILTER_CONVERTERS, *_CONVERTERS)}
"""What conditions of the filter processor may call."""
