"""Build the OpenTelemetry Collector of `manifest.yaml` with the Collector Builder and Go.

`python otelcol/build.py` prints the path of the binary, in the user's cache: a second call with the same manifest,
modules and Go finds it there. Go's own caches make a rebuild a matter of linking. The first build takes some ten
minutes on two cores, and 3 GB of Go's caches. `--path`: print where it is or would be, and build nothing.

`go.mod` and `go.sum` are the lock: they are used as they are; `--update` resolves the modules anew and rewrites them.

Exit codes: 0 built or there, 1 the build failed (its output is shown), 2 no Go.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "otelcol-phoenix"
LOCK = ("go.mod", "go.sum")


def manifest_version() -> str:
    """The Collector's version the manifest names, such as 0.159.0."""
    found = re.search(r"^  version: (\S+)$", (HERE / "manifest.yaml").read_text("utf-8"), re.MULTILINE)
    assert found is not None, "manifest.yaml names no version"
    return found[1]


def binary_path() -> Path:
    """Where the binary of this manifest and lock is, or would be."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("manifest.yaml", *LOCK)))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "phoenix" / "otelcol" / f"{manifest_version()}-{digest.hexdigest()[:12]}" / NAME


def run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    """Run one step with its output shown; ends the program when it fails."""
    print("+", " ".join(command), file=sys.stderr, flush=True)
    if subprocess.run(command, cwd=folder, env=environ, stdout=sys.stderr, check=False).returncode:
        print(f"{Path(__file__).name}: {command[0]} failed: see above", file=sys.stderr)
        raise SystemExit(1)


def build(target: Path, *, update: bool) -> None:
    """Build into the target's folder; the target appears whole or not at all."""
    go = shutil.which("go")
    if go is None:
        print("go is not installed: see https://go.dev/doc/install, or use a collector of your own", file=sys.stderr)
        raise SystemExit(2)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as made:
        folder = Path(made)
        cores = str(os.cpu_count() or 1)
        environ = {"GOMEMLIMIT": "3GiB", "CGO_ENABLED": "0", **os.environ, "GOBIN": made, "GOWORK": "off"}
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{manifest_version()}"
        run([go, "install", "-p", cores, builder], folder, environ)
        text = (HERE / "manifest.yaml").read_text("utf-8")
        text = text.replace(f"  name: {NAME}\n", f"  name: {NAME}\n  output_path: {made}/source\n")
        (folder / "manifest.yaml").write_text(text, "utf-8")
        source = folder / "source"
        source.mkdir()
        if not update:
            for name in LOCK:
                shutil.copy(HERE / name, source / name)
        steps = ["--skip-compilation", *([] if update else ["--skip-get-modules"])]
        run([str(folder / "builder"), "--config", "manifest.yaml", *steps], folder, environ)
        if not update:  # the generator has written its own: what is locked counts
            for name in LOCK:
                shutil.copy(HERE / name, source / name)
        tags = re.search(r'build_tags: "(.*)"', text)
        flags = ["-trimpath", "-ldflags=-s -w", "-p", cores, *(["-tags", tags[1]] if tags else [])]
        run([go, "build", *flags, "-o", NAME, "."], source, environ)
        if update:
            for name in LOCK:
                shutil.copy(source / name, HERE / name)
            target = binary_path()
            target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source / NAME, target)


def main() -> int:
    """Build if need be; print the path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", action="store_true", help="only print where the binary is or would be")
    parser.add_argument("--update", action="store_true", help="resolve the modules anew and rewrite the lock")
    options = parser.parse_args()
    target = binary_path()
    if not options.path and (options.update or not target.exists()):
        build(target, update=options.update)
        target = binary_path()
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
