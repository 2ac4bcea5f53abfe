#!/usr/bin/env bash
# Installs what Marquee needs: `bootstrap.sh` the system's part (Java 17+, Maven), `bootstrap.sh venv PYTHON DIR` the
# virtual environment, from the locks with hashes, and once a C++ compiler for engines in native code.
set -euo pipefail
cd "$(dirname "$0")/.."

line() { echo "apt-get update && apt-get install -y --no-install-recommends $*"; }

may_apt() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    echo "installing $*"
    bash -c "$(line "$@")" >/dev/null
}

system() {
    local missing=()
    command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    [ ${#missing[@]} -eq 0 ] && return
    if may_apt; then
        apt_install "${missing[@]}"
    else
        echo "Marquee needs Java 17 or newer and Maven. Install them with: sudo bash -c '$(line "${missing[@]}")'" >&2
        exit 2
    fi
}

# Without it films are read by a package's ONNX file, which is slower: no reason to stop.
compiler() {
    command -v g++ >/dev/null && return
    may_apt && apt_install g++ && return
    echo "g++ is not here: models are not compiled for this machine (marquee model compile)" >&2
}

environment() {
    local python=$1 dir=$2
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Marquee needs Python 3.11 or newer; this is $("$python" --version). Try: make setup PYTHON=python3.11" >&2
        exit 2
    }
    [ -x "$dir/bin/python" ] || "$python" -m venv "$dir"
    "$dir/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
    echo "installing the locked dependencies into $dir"
    # compiled now: where PYTHONDONTWRITEBYTECODE is set, as in many images, each command would else compile all that
    # it imports anew, which takes `marquee train` 20 s
    "$dir/bin/uv" pip install -q --compile-bytecode --python "$dir/bin/python" --require-hashes -r requirements/dev.txt
    "$dir/bin/uv" pip install -q --python "$dir/bin/python" --no-deps --no-build-isolation -e .
}

case ${1:-system} in
system) system ;;
venv) compiler; environment "$2" "$3" ;;
*) echo "usage: bootstrap.sh [system | venv PYTHON DIR]" >&2; exit 2 ;;
esac
