#!/usr/bin/env bash
# Runs each fuzz target of the tree for a time: fuzz.sh 60s
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:?how long for each target, such as 60s}

found=0
while IFS=: read -r file target; do
	found=1
	echo "$target in $(dirname "$file") for $time"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")"
done < <(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs --no-run-if-empty grep --with-filename --only-matching --extended-regexp '^func Fuzz\w*' |
	sed 's/:func /:/')
[ "$found" = 1 ] || echo "there is no fuzz target"
