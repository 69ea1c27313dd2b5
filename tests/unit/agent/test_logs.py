"""Log reading."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from phoenix.agent.logs import follow, last_lines


async def test_tail_then_what_is_written_then_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)) + "unfini")
    got: list[str] = []
    async with asyncio.timeout(5), aclosing(follow(path, tail_lines=2, follow=True)) as lines:
        async for line in lines:
            got.append(line)
            if len(got) == 2:
                with path.open("a") as file:
                    file.write("shed\nlast\n")
            if len(got) == 4:
                path.unlink()
    assert got == ["line 9998", "line 9999", "unfinished", "last"]


async def test_without_follow(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert [line async for line in follow(path)] == []
    path.write_text("a\nb\nc")
    assert [line async for line in follow(path, tail_lines=1)] == ["b", "c"]
    assert last_lines(path, 2) == ["b", "c"]
    assert last_lines(path, 5, since_bytes=4) == ["c"]
    assert last_lines(tmp_path / "none", 5) == []
