# Prints the statement coverage of each package of a merged profile and fails when a required one is below the minimum.
#   awk -v minimum=85 -v required="ingest worker" -f coverage.awk coverage.out
# With -coverpkg every test binary reports every block, so a block counts as run when any of them ran it.

FNR > 1 {
	statements[$1] = $2
	if ($3 > 0) ran[$1] = 1
}

END {
	for (block in statements) {
		package = block
		sub(/:[^:]*$/, "", package)
		sub(/\/[^\/]*$/, "", package)
		sub(/^[^\/]*\//, "", package)
		total[package] += statements[block]
		if (block in ran) covered[package] += statements[block]
	}
	count = split(required, name, " ")
	for (i = 1; i <= count; i++) {
		if (!total[name[i]]) continue
		percent = 100 * covered[name[i]] / total[name[i]]
		verdict = ""
		if (percent < minimum) {
			verdict = sprintf("  below %d %%", minimum)
			failed = 1
		}
		printf "coverage %-14s %5.1f %%%s\n", name[i], percent, verdict
	}
	exit failed
}
