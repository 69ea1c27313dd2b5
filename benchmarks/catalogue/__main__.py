"""`python -m benchmarks.catalogue [--size S]`: the page docs/catalogue.md to stdout, measured now."""

from __future__ import annotations

import argparse
import asyncio
import sys

from benchmarks.catalogue.inputs import all_inputs
from benchmarks.catalogue.measuring import measure, templates
from benchmarks.catalogue.page import Row, page
from phoenix.engine import ConfigError


async def _rows(size: str) -> list[Row]:
    rows = []
    for given in all_inputs(size):
        for name, template in templates().items():
            if "interval" in template.spec.config["processors"]:
                continue  # it goes by the clock
            try:
                measured = await measure(template, given)
            except ConfigError:
                continue  # the page says which engine it needs
            if name == "baseline" or measured.result.vs_baseline.byte_reduction or measured.result.duplicates:
                rows.append(Row.of(measured))
                print(f"{given.name} {name}", file=sys.stderr)
    return rows


parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue", description=__doc__)
parser.add_argument("--size", choices=("S", "M", "L"), default="S", help="size of the load model (default: S)")
print(page(templates().values(), asyncio.run(_rows(parser.parse_args().size))), end="")
