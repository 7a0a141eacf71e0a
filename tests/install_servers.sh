#!/bin/sh
# Installs from Debian's packages those servers of the tests that are missing, and starts none:
# the tests start their own, on free ports of 127.0.0.1. Where it cannot install, it says so and
# succeeds; the tests of that server are then skipped, which with CI=true is a failure.
set -eu
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=
add() { command -v "$1" >/dev/null || missing="$missing $2"; }
add mosquitto mosquitto
add influxd influxdb
add victoria-metrics victoria-metrics
[ -n "$missing" ] || exit 0

unable() {
    echo "not installed:$missing ($1); their tests will be skipped" >&2
    exit 0
}

command -v apt-get >/dev/null || unable "no apt-get here"
if [ "$(id -u)" -eq 0 ]; then
    as_root() { env DEBIAN_FRONTEND=noninteractive "$@"; }
elif sudo -n true 2>/dev/null; then
    as_root() { sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; }
else
    unable "neither root nor sudo without a password"
fi

# Debian starts a service as it installs it, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
fi

log=$(mktemp)
as_root apt-get update -qq </dev/null >"$log" 2>&1 || tail -n 3 "$log" >&2
for package in $missing; do # one by one: what a release lacks must not keep out the others
    as_root apt-get install -qq -y --no-install-recommends "$package" </dev/null >"$log" 2>&1 || {
        echo "could not install $package:" >&2
        tail -n 3 "$log" >&2
    }
done
rm -f "$log"
