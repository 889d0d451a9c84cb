package nearest

import "testing"

func TestName(t *testing.T) {
	known := []string{"acme", "acme-fr", "other"}
	for given, want := range map[string]string{"acne": "acme", "ACME": "acme", "acme_fr": "acme-fr", "othr": "other", "zzz": "", "": "", "xacme-fr": "acme-fr"} {
		if got, _ := Name(given, known); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
