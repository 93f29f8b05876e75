#!/usr/bin/env bash
# Makes .venv and installs what `make run` (argument: run) or `make test` (argument: dev) needs.
# Debian packages that are missing are installed where root or sudo allows it; elsewhere the
# script says exactly what is missing and fails. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly want="${1:?usage: scripts/setup.sh run|dev}"
readonly oldest=3.11

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# --- Debian packages

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo -n)
fi

may_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

install_debian() { # <why> <package>...
  local why="$1"
  shift
  may_install || fail "$why" "install it yourself (Debian, Ubuntu): sudo apt-get install $*" \
    "then run make again"
  echo "setup: $why; installing $*"
  local log
  log="$(mktemp)"
  if ! {
    "${as_root[@]}" apt-get update -q &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    fail "apt-get could not install $* (its last lines are above)"
  fi
  rm -f "$log"
}

need_command() { # <command> <package>
  command -v "$1" >/dev/null || install_debian "the tests need $1" "$2"
}

# --- Python

is_new_enough() {
  "$1" -c "import sys; sys.exit(sys.version_info[:2] < tuple(map(int, '$oldest'.split('.'))))" \
    >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3 python3.13}; do
    if is_new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

make_environment() {
  local python version
  python="$(find_python)" || fail \
    "no Python $oldest or newer was found (looked for: ${PYTHON:-python3.11, python3.12, python3})" \
    "install one, or name it: make PYTHON=/path/to/python run"
  version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    install_debian "Python $version lacks venv" "python$version-venv"
  fi
  echo "setup: making .venv with Python $version"
  "$python" -m venv --clear .venv
}

install_requirements() {
  local files=(--requirement requirements/dev.txt)
  if [ "$want" = run ]; then
    files=(--requirement requirements/run.txt --requirement requirements/build.txt)
  fi
  echo "setup: installing the pinned packages for '$want'"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --require-hashes "${files[@]}"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --no-deps --no-build-isolation --no-index --editable .
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  make_environment
fi
install_requirements
if [ "$want" = dev ]; then
  need_command node nodejs
  need_command chromium chromium
fi
