#!/bin/sh
# Make the environment in $1 (default .venv) and put the pinned packages and this project into it; or those of the list
# $2 (default requirements/dev.txt) alone, if one is given.
#
# Needs a Python >= 3.11 and any one of: uv, venv with ensurepip, pip. The interpreter can be chosen with
# BOOTSTRAP_PYTHON. Speaks in two lines when all goes well, and shows a tool's own words only when it failed.
set -eu
cd "$(dirname "$0")/.."

venv=${1:-.venv}
pins=${2:-requirements/dev.txt}
export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true # as pip does; the second is the name that an older uv knows
log=$(mktemp)
trap 'rm -f "$log"' EXIT

die() {
    echo "bootstrap: $*" >&2
    exit 1
}

quietly() { "$@" >"$log" 2>&1; }

is_for_the_project() { [ "$pins" = requirements/dev.txt ]; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    # A name on PATH may be a shim that cannot run, so each one is tried.
    for candidate in ${BOOTSTRAP_PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 python}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    die "no Python 3.11 or newer found (tried ${BOOTSTRAP_PYTHON:-python3, python3.11 to python3.14, python})"
}

make_venv() {
    rm -rf "$venv"
    if quietly "$python" -m venv "$venv"; then
        return
    fi
    # Debian without python3-venv: the module is there, ensurepip is not. Then pip comes from outside, below.
    rm -rf "$venv"
    quietly "$python" -m venv --without-pip "$venv" && return
    rm -rf "$venv"
    if command -v uv >/dev/null 2>&1 && quietly uv venv --python "$python" "$venv"; then
        return
    fi
    cat "$log" >&2
    die "could not make $venv; on Debian, 'apt-get install python3-venv' helps"
}

run_pip() {
    if "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        "$venv/bin/python" -m pip --disable-pip-version-check "$@"
    else # the outer pip works on the venv, so an externally managed Python is left alone
        "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" "$@"
    fi
}

find_uv() {
    if uv --version >/dev/null 2>&1; then
        uv=uv
    elif "$venv/bin/uv" --version >/dev/null 2>&1; then
        uv=$venv/bin/uv
    elif quietly run_pip install --quiet --requirement requirements/uv.txt; then
        uv=$venv/bin/uv
    else
        uv=
    fi
}

install_with_uv() {
    quietly "$uv" pip install --quiet --python "$venv/bin/python" --requirement "$pins" || return
    ! is_for_the_project ||
        quietly "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
}

install_with_pip() {
    quietly run_pip install --quiet --requirement "$pins" || return
    ! is_for_the_project || quietly run_pip install --quiet --no-deps --no-build-isolation --editable .
}

python=$(find_python)
if ! is_new_enough "$venv/bin/python"; then
    echo "Making $venv with $("$python" --version) ..."
    make_venv
fi
find_uv
if [ -z "$uv" ] || ! install_with_uv; then
    # For example where a private index is known to pip alone.
    echo "No help from uv; going on with pip, which takes longer ..."
    install_with_pip || {
        cat "$log" >&2
        die "could not install $pins into $venv"
    }
fi
touch "$venv/.synced"
what=$pins
! is_for_the_project || what="cnstra $("$venv/bin/python" -c 'import cnstra; print(cnstra.__version__)')"
echo "Ready: $venv ($("$venv/bin/python" --version), $what)"
