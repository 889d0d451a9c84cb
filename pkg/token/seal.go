package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// seal encrypts tokens with a key that only the holders of the user's own secret can derive.
type seal struct {
	name   []byte
	cipher cipher.AEAD
}

var (
	errSealed   = errors.New("the stored token was sealed with another secret")
	errNoSecret = errors.New("the secret that seals tokens is empty")
)

const salt = "passerelle"

func newSeal(name, secret string) (seal, error) {
	if secret == "" {
		return seal{}, errNoSecret // anybody could derive its key
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), "token of "+name, 32)
	if err != nil {
		return seal{}, fmt.Errorf("derive the key that seals tokens: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, fmt.Errorf("derive the key that seals tokens: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return seal{}, fmt.Errorf("derive the key that seals tokens: %w", err)
	}
	return seal{name: []byte(name), cipher: aead}, nil
}

func (s seal) close(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal token: %w", err)
	}
	return s.cipher.Seal(nil, nil, plain, s.name), nil
}

func (s seal) open(sealed []byte, into any) error {
	plain, err := s.cipher.Open(nil, nil, sealed, s.name)
	if err != nil {
		return errSealed
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("open token: %w", err)
	}
	return nil
}

// fingerprint tells refresh tokens apart without telling anything of them to those who do not have the secret.
func fingerprint(secret, name, refresh string) (string, error) {
	if secret == "" {
		return "", errNoSecret
	}
	sum, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), "refresh token of "+name+": "+refresh, 10)
	if err != nil {
		return "", fmt.Errorf("name the refresh token: %w", err)
	}
	return hex.EncodeToString(sum), nil
}
