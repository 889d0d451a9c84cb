#!/usr/bin/env bash
# Runs the demonstration of docker-compose.yml, restarts each service in turn while conversations end, and compares: each
# conversation whose webhook was answered with 2xx must have one ticket, or a dead letter. It needs Docker with compose,
# the demonstration's ports, and some minutes. At the end it takes away what it made, images excepted.
#
#   deploy/ci/compose.sh [SERVICE...]      those alone; COMPOSE='docker-compose' for the older command, DEMO_RATE=10
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy/ci/need.sh curl jq

export COMPOSE_PROJECT_NAME=passerelle-check COMPOSE_PROFILES=demo DEMO_RATE=${DEMO_RATE:-10}
export PASSERELLE_SETTINGS=./deploy/demo
read -ra compose <<<"${COMPOSE:-docker compose}"
zendesk=http://127.0.0.1:9001/_sim iadvize=http://127.0.0.1:9002/_sim
settle=300 # seconds that what was accepted may take at most

work=$(mktemp -d)
trap 'status=$?; "${compose[@]}" down --volumes --timeout 60 >"$work/down" 2>&1 || { cat "$work/down" >&2; status=1; }; rm -rf "$work"; exit $status' EXIT
trap 'exit 1' HUP INT TERM

# Waits until nothing that has a health check is unhealthy or still starting.
healthy() {
	for ((i = 0; i < 120; i++)); do
		ids=$("${compose[@]}" ps -q)
		# shellcheck disable=SC2086 # ids are words
		states=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' $ids)
		grep -qv -e '^running healthy$' -e '^running $' <<<"$states" || return 0
		sleep 1
	done
	"${compose[@]}" ps >&2
	echo 'not healthy within two minutes' >&2
	return 1
}

tickets() { # external ids, one line for each ticket
	local account after page
	for account in $(curl -sSf "$zendesk/accounts" | jq -r '.[].name'); do
		after=0
		while page=$(curl -sSf "$zendesk/$account/tickets?after=$after&limit=1000") && [ "$page" != '[]' ]; do
			jq -r '.[].external_id' <<<"$page"
			after=$(jq -r '.[-1].id' <<<"$page")
		done
	done
}

compare() {
	curl -sSf "$iadvize/conversations" | jq -r '.[] | select(.webhook_accepted) | "iadvize:" + .id' | sort >"$work/accepted"
	"${compose[@]}" exec -T worker passerelle deadletters list -o json >"$work/letters"
	jq -r '.[] | "iadvize:" + .conversation_id' "$work/letters" | sort -u >"$work/dead"
	tickets | sort >"$work/tickets"
	uniq -d "$work/tickets" >"$work/doubled"
	sort -u "$work/tickets" "$work/dead" | comm -23 "$work/accepted" - >"$work/lost"
}

"${compose[@]}" up --detach --build
healthy
services=("$@")
[ $# -gt 0 ] || mapfile -t services < <("${compose[@]}" config --services | sort)
for service in "${services[@]}"; do
	sleep 5
	start=$SECONDS
	"${compose[@]}" restart "$service" >"$work/restart" 2>&1 || { cat "$work/restart" >&2; exit 1; }
	took=$((SECONDS - start))
	healthy
	sleep 5
	echo "restarted $service in $took s, all healthy"
done
sleep 5
"${compose[@]}" stop sim-traffic >"$work/stop" 2>&1
for ((i = 0; ; i++)); do
	compare
	[ -s "$work/lost" ] && ((i < settle)) || break
	sleep 1
done
printf '%d conversations accepted, %d tickets, %d dead letters, %d lost, %d doubled; settled %d s after the last\n' \
	"$(wc -l <"$work/accepted")" "$(wc -l <"$work/tickets")" "$(wc -l <"$work/dead")" "$(wc -l <"$work/lost")" "$(wc -l <"$work/doubled")" "$i"
jq -r 'group_by(.reason)[] | "  \(length) dead letters \(.[0].reason)"' "$work/letters"
start=$SECONDS
"${compose[@]}" stop >"$work/stop" 2>&1
echo "stopped in $((SECONDS - start)) s"
if [ -s "$work/lost" ] || [ -s "$work/doubled" ] || [ ! -s "$work/accepted" ]; then
	head "$work/lost" "$work/doubled" >&2
	exit 1
fi
