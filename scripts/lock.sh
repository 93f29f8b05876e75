#!/usr/bin/env bash
# Makes the pinned and hashed requirement files from pyproject.toml. Pins that still fit are kept;
# `scripts/lock.sh --upgrade` moves all of them, `--upgrade-package NAME` one.
# All packages come from the index that uv is set up with; no address is written into the files.
set -euo pipefail
cd "$(dirname "$0")/.."

uv="$(command -v .venv/bin/uv || command -v uv)" || {
  echo "uv is missing: run 'make setup' first" >&2
  exit 1
}

lock() {
  local output="$1"
  shift
  "$uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
    --no-annotate --python-version 3.11 --output-file "$output" "$@"
}

# The largest set first; the others take their versions from it, so that one environment can
# hold all three.
lock requirements/dev.txt pyproject.toml --extra dev requirements/build.in "$@"
lock requirements/run.txt pyproject.toml --extra postgres --constraints requirements/dev.txt
lock requirements/build.txt requirements/build.in --constraints requirements/dev.txt
