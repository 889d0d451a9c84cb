package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// seal encrypts tokens with a key that only the holders of the user's own secret can derive.
type seal struct {
	name   []byte
	cipher cipher.AEAD
	err    error
}

func newSeal(name, secret string) seal {
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte("passerelle"), "token of "+name, 32)
	if err != nil {
		return seal{err: err}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{err: err}
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return seal{name: []byte(name), cipher: aead, err: err}
}

var errSealed = errors.New("the stored token was sealed with another secret")

func (s seal) close(t Token) ([]byte, error) {
	if s.err != nil {
		return nil, fmt.Errorf("seal token: %w", s.err)
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("seal token: %w", err)
	}
	return s.cipher.Seal(nil, nil, plain, s.name), nil
}

func (s seal) open(sealed []byte) (Token, error) {
	if s.err != nil {
		return Token{}, fmt.Errorf("open token: %w", s.err)
	}
	plain, err := s.cipher.Open(nil, nil, sealed, s.name)
	if err != nil {
		return Token{}, errSealed
	}
	var t Token
	if err := json.Unmarshal(plain, &t); err != nil {
		return Token{}, fmt.Errorf("open token: %w", err)
	}
	return t, nil
}
