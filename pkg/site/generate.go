package site

//go:generate sh -c "go run ../../cmd/passerelle sites schema > ../../docs/passerelle.schema.json"
