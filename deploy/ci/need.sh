#!/bin/sh
# Installs the Debian packages of the commands that are missing: need.sh COMMAND...
# A service that a package brings along is not started: the tests start their own servers.
set -eu

missing=
for command; do
	command -v "$command" >/dev/null || case $command in
	gcc) missing="$missing gcc libc6-dev" ;;
	*) missing="$missing $command" ;;
	esac
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || {
	echo "install these first, there is no apt-get here to do it:$missing" >&2
	exit 1
}
asroot=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "install these as root first, there is no sudo here:$missing" >&2
		exit 1
	}
	asroot=sudo
fi

echo "installing$missing" >&2
# Where policy-rc.d answers 101, Debian's packages start no service. One that is there already stays as it is.
# shellcheck disable=SC2016,SC2086 # the inner shell expands its own; the list is words
$asroot sh -c '
	set -eu
	policy=/usr/sbin/policy-rc.d
	log=$(mktemp)
	if [ ! -e $policy ]; then
		printf "#!/bin/sh\nexit 101\n" >$policy
		chmod 755 $policy
		trap "rm -f $policy $log" EXIT
		trap "exit 1" HUP INT TERM
	else
		trap "rm -f $log" EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	{
		apt-get update -q -o DPkg::Lock::Timeout=120 &&
		apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
	} </dev/null >$log 2>&1 || {
		cat $log >&2
		exit 1
	}
' sh $missing
