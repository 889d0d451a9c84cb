package iadvize

import (
	"slices"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	body := []byte(`{"eventType":"v2.conversation.closed"}`)
	good := Sign("second", body)
	for _, tc := range []struct {
		name, header string
		message      []byte
		secrets      []string
		want         []int
	}{
		{"the second of two", good, body, []string{"first", "second"}, []int{1}},
		{"one secret shared by two connections", good, body, []string{"second", "second"}, []int{0, 1}},
		{"upper-case digest", "sha256=" + strings.ToUpper(strings.TrimPrefix(good, "sha256=")), body, []string{"second"}, []int{0}},
		{"other body", good, []byte("{}"), []string{"second"}, nil},
		{"other secret", good, body, []string{"first"}, nil},
		{"no header", "", body, []string{"second"}, nil},
		{"other algorithm", strings.Replace(good, "sha256=", "sha1=", 1), body, []string{"second"}, nil},
		{"no algorithm", strings.TrimPrefix(good, "sha256="), body, []string{"second"}, nil},
		{"cut short", good[:20], body, []string{"second"}, nil},
		{"not hexadecimal", "sha256=" + strings.Repeat("z", 64), body, []string{"second"}, nil},
		{"empty secret", Sign("", body), body, []string{""}, nil},
		{"no secret", good, body, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Verify(tc.header, tc.message, tc.secrets); !slices.Equal(got, tc.want) {
				t.Errorf("Verify = %v, want %v", got, tc.want)
			}
		})
	}
}

// The vector was computed with openssl dgst -sha256 -hmac.
func TestSignIsHMACOverTheRawMessage(t *testing.T) {
	const want = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
	if got := Sign("key", []byte("The quick brown fox jumps over the lazy dog")); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("sha256=00", []byte("body"), "secret")
	f.Add(Sign("secret", []byte("body")), []byte("body"), "secret")
	f.Fuzz(func(t *testing.T, header string, message []byte, secret string) {
		Verify(header, message, []string{secret, "other"})
		if secret != "" && len(Verify(Sign(secret, message), message, []string{secret})) != 1 {
			t.Fatal("a right signature was refused")
		}
	})
}
