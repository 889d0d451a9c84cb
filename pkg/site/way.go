package site

import (
	"crypto/sha256"
	"fmt"
)

// Way is a fingerprint of how an account, or a connection, is reached: of its address and credentials as they stand now,
// with the secrets that they name. It tells ways apart and nothing about them. The zero Way is that of one which cannot be
// reached, because it is not configured or a secret cannot be resolved.
type Way [sha256.Size]byte

// Way gives how the account is reached now.
func (z Zendesk) Way() Way {
	refs := []Ref{z.URL}
	if o := z.Auth.OAuth; o != nil {
		refs = append(refs, "oauth", o.ClientID, o.ClientSecret, o.RefreshToken)
	}
	if t := z.Auth.APIToken; t != nil {
		refs = append(refs, "api_token", t.Email, t.Token)
	}
	return wayOf(refs...)
}

// Way gives how the connection is reached now.
func (i IAdvize) Way() Way {
	return wayOf(i.URL, i.TokenURL, Ref(i.Platform), i.Username, i.Password)
}

func wayOf(refs ...Ref) (way Way) {
	hash, written := sha256.New(), false
	for _, r := range refs {
		text, err := r.Resolve()
		if err != nil {
			return Way{}
		}
		written = written || text != ""
		fmt.Fprintf(hash, "%q\n", text)
	}
	if written {
		hash.Sum(way[:0])
	}
	return way
}
