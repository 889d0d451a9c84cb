package site

import (
	"fmt"
	"strings"
	"testing"
)

const (
	manyConnections = `iadvize:
  main:
    platform: ha
    username: api
    password: secret
    webhook_secrets: [secret]
zendesk:
`
	oneAccount = `  account-%[1]d:
    url: https://account-%[1]d.zendesk.com
    auth:
      oauth: {client_id: passerelle, client_secret: secret}
    requests_per_minute: 700
`
	oneSite = `  site-%[1]d:
    iadvize: main
    project_id: %[2]d
    zendesk: account-%[1]d
    locale: fr
    tickets:
      archive: true
      fallback_assignee: agent@example.com
      form_id: 360000
      tags: [iadvize]
      fields:
        conversation_id: 7
`
)

// manySites is the configuration of so many accounts with a site each.
func manySites(n int) []byte {
	var accounts, sites strings.Builder
	for i := range n {
		fmt.Fprintf(&accounts, oneAccount, i)
		fmt.Fprintf(&sites, oneSite, i, i+1)
	}
	return []byte(manyConnections + accounts.String() + "sites:\n" + sites.String())
}

func BenchmarkParse(b *testing.B) {
	content := manySites(5000)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("bench", content); err != nil {
			b.Fatal(err)
		}
	}
}
