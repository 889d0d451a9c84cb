package site

import (
	"errors"
	"net/url"
	"strings"
)

// secureHosts are those of the services themselves, with all below them.
var secureHosts = []string{"zendesk.com", "iadvize.com"}

var errInClear = errors.New("expected https://: by http:// secrets and conversations would be sent in clear")

// Address is Resolve for an address. It refuses one at which Zendesk or iAdvize would be sent secrets in clear; other
// hosts, as a simulator or a proxy beside the product, may be reached by http.
func (r Ref) Address() (string, error) {
	address, err := r.Resolve()
	if err == nil && inClear(address) {
		err = errInClear
	}
	return address, err
}

func inClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return false
	}
	host := "." + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, secure := range secureHosts {
		if strings.HasSuffix(host, "."+secure) {
			return true
		}
	}
	return false
}

// secure refuses an address in clear as far as it is written out.
func (c *checker) secure(key string, r Ref) {
	if inClear(reference.ReplaceAllString(string(r), "x")) {
		c.fail(key, errInClear.Error())
	}
}
