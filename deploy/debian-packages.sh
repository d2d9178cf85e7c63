#!/bin/sh
# Installs the real servers that the tests talk to, where that is possible without asking.
# Never fails: what is missing is said, and the tests that need it are skipped with a reason.
set -u
wanted="snmpd snmp prometheus victoria-metrics nut-snmp nut-server nut-client docker-compose gcc libc6-dev libsnmp-dev"
command -v dpkg-query >/dev/null 2>&1 || {
    echo "Not a Debian system: tests against snmpd, Prometheus, VictoriaMetrics and NUT are skipped where those are missing."
    exit 0
}
missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -eq 0 ]; then as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo"
else
    echo "Without root, these Debian packages cannot be installed:$missing"
    echo "Tests that need them are skipped. To run them too: sudo apt-get install$missing"
    exit 0
fi
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
# A test host starts its own servers: the packages' services stay off.
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy" && made_policy=1
fi
{ $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 ||
    echo "Could not install all of:$missing (tests that need them are skipped)"
[ -n "$made_policy" ] && $as_root rm -f "$policy"
exit 0
