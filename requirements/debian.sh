#!/bin/sh
# Install what the tests need and no wheel has: RabbitMQ and a browser, from Debian or Ubuntu.
#
# Does something only for root (a container, CI), only when something is missing, and never fails: tests that miss a
# server or the browser say so, by being skipped at home, and by failing in CI. No service is started or left to start.
set -eu

rabbitmq_is_missing() {
    [ -z "${CNSTRA_TEST_RABBITMQ_URL:-}" ] || return 1
    ! { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && command -v epmd >/dev/null 2>&1; }
}

browser_is_missing() {
    for program in chromium chromium-browser google-chrome; do
        if command -v "$program" >/dev/null 2>&1; then return 1; fi
    done
}

# A machine that boots its services is somebody's own, and gets none without being asked; that of a CI run is thrown away.
may_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && { [ -n "${CI:-}" ] || [ ! -d /run/systemd/system ]; }
}

quietly() { "$@" </dev/null >"$log" 2>&1; }

install() {
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d # asked before a service is started; containers have one that says no
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$log" "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    quietly apt-get -q update || true # what is known already may do
    for package in "$@"; do
        echo "Installing $package for the tests ..."
        if ! quietly apt-get -q install --yes --no-install-recommends "$package"; then
            tail -n 5 "$log" >&2
            echo "debian: no $package; apt-get install --no-install-recommends $package" >&2
        fi
    done
}

wanted=
if rabbitmq_is_missing; then wanted=rabbitmq-server; fi
if browser_is_missing; then wanted="$wanted chromium"; fi
if [ -z "$wanted" ] || ! may_install; then
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # they are words
install $wanted
