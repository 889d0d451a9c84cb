#!/usr/bin/env bash
# Fails when go generate would change or add a file. It works on copies, so that a dirty work tree is judged as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$copies/is"
# A file that is deleted but still in the index has nothing to copy.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	[ ! -e "$file" ] || printf '%s\0' "$file"
done | tar --create --null --files-from=- --file=- | tar --extract --directory="$copies/is" --file=-
cp -a "$copies/is" "$copies/would-be"

# Without paths in the objects, the build cache serves a copy in any folder.
(cd "$copies/would-be" && GOFLAGS="${GOFLAGS:-} -trimpath" go generate ./...)

cd "$copies"
diff -ru is would-be || {
	echo "generated files are out of date: run make generate" >&2
	exit 1
}
