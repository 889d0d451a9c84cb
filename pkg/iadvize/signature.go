package iadvize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SignatureHeader carries the signature of a webhook or of a plugin call.
// https://docs.iadvize.dev/apps/build-your-app/app-security
const SignatureHeader = "x-iadvize-signature"

const signaturePrefix = "sha256="

// Sign gives the header's value for a message: the raw body of a POST, or the raw query string of a GET.
func Sign(secret string, message []byte) string {
	return signaturePrefix + hex.EncodeToString(mac(secret, message))
}

// Verify tells which of the secrets signed the message, by their index. An empty secret never matches, the algorithm
// is SHA-256 whatever the header names, and the time taken does not depend on how much of a signature was right.
func Verify(header string, message []byte, secrets []string) (matched []int) {
	digest, ok := strings.CutPrefix(strings.TrimSpace(header), signaturePrefix)
	if !ok {
		return nil
	}
	given, err := hex.DecodeString(digest)
	if err != nil || len(given) != sha256.Size {
		return nil
	}
	for i, secret := range secrets {
		if secret != "" && hmac.Equal(given, mac(secret, message)) {
			matched = append(matched, i)
		}
	}
	return matched
}

func mac(secret string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(message)
	return h.Sum(nil)
}
