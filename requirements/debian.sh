#!/bin/sh
# Install what the tests need and no wheel has: RabbitMQ, from Debian or Ubuntu.
#
# Does something only for root (a container, CI), only when something is missing, and never fails: tests that miss a
# server say so, by being skipped at home, and by failing in CI. No service is started or left to start.
set -eu

is_there() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && command -v epmd >/dev/null 2>&1; }

is_given() { [ -n "${CNSTRA_TEST_RABBITMQ_URL:-}" ]; }

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
    quietly apt-get -q update && quietly apt-get -q install --yes --no-install-recommends rabbitmq-server
}

if is_given || is_there || ! may_install; then
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing rabbitmq-server for the tests ..."
if ! install; then
    tail -n 5 "$log" >&2
    echo "debian: no rabbitmq-server; apt-get install --no-install-recommends rabbitmq-server" >&2
fi
