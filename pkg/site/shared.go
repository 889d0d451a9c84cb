package site

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// LoadShared reads a file that is to be put in force for all processes, and so is stored where they all read it. Its
// secrets must be references: a Problem names each one that is not. Comments are left out of the content, because a
// secret may stand there too; the lines stay what they are.
func LoadShared(path string) (config *Config, content []byte, err error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	return parseShared(path, raw)
}

func parseShared(name string, raw []byte) (*Config, []byte, error) {
	whole, err := Parse(name, raw)
	if err != nil {
		return nil, nil, err
	}
	tree, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, nil, problemOf(name, err)
	}
	check := &checker{file: name, tree: tree}
	check.secrets(whole)
	if len(check.problems) > 0 {
		return nil, nil, errors.Join(check.problems...)
	}
	content := withoutComments(raw)
	config, err := Parse(name, content)
	if err != nil || !config.equal(whole) || hasComment(content) {
		return nil, nil, Problem{File: name, Expected: "the comments cannot be taken out, and may hold a secret; take them out of the file"}
	}
	return config, content, nil
}

// secrets notes the secrets that are written out.
func (c *checker) secrets(config *Config) {
	for _, name := range slices.Sorted(maps.Keys(config.IAdvize)) {
		conn, key := config.IAdvize[name], "iadvize."+name
		c.secret(key+".password", conn.Password)
		c.secret(key+".webhook_secrets", conn.WebhookSecrets...)
		c.address(key+".url", conn.URL)
		c.address(key+".token_url", conn.TokenURL)
	}
	for _, name := range slices.Sorted(maps.Keys(config.Zendesk)) {
		account, key := config.Zendesk[name], "zendesk."+name
		c.address(key+".url", account.URL)
		if o := account.Auth.OAuth; o != nil {
			c.secret(key+".auth.oauth.client_secret", o.ClientSecret)
			c.secret(key+".auth.oauth.refresh_token", o.RefreshToken)
		}
		if t := account.Auth.APIToken; t != nil {
			c.secret(key+".auth.api_token.token", t.Token)
		}
	}
}

func (c *checker) secret(key string, refs ...Ref) {
	for _, r := range refs {
		if r.literal() {
			c.fail(key, "expected a reference, ${NAME} or ${file:PATH}: what is applied is stored in NATS, where no secret may stand")
			return
		}
	}
}

// address refuses a password in an address.
func (c *checker) address(key string, r Ref) {
	if u, err := url.Parse(reference.ReplaceAllString(string(r), "x")); err == nil && u.User != nil {
		c.fail(key, "expected an address without user and password: what is applied is stored in NATS, where no secret may stand")
	}
}

// equal tells whether two configurations say the same, in whatever words.
func (c *Config) equal(other *Config) bool {
	a, b := *c, *other
	a.Revision, b.Revision = "", ""
	return reflect.DeepEqual(a, b)
}

// withoutComments cuts comments off. It goes by the parser's own tokens, so that a # inside of a text stays.
func withoutComments(raw []byte) []byte {
	text := string(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))) // with \r the lexer counts lines twice
	lines := strings.Split(text, "\n")
	for _, t := range lexer.Tokenize(text) {
		if t.Type != token.CommentType || t.Position.Line < 1 || t.Position.Line > len(lines) {
			continue
		}
		line := []rune(lines[t.Position.Line-1])
		if at := t.Position.Column - 1; at >= 0 && at < len(line) && line[at] == '#' {
			lines[t.Position.Line-1] = strings.TrimRight(string(line[:at]), " \t")
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

func hasComment(content []byte) bool {
	return slices.ContainsFunc(lexer.Tokenize(string(content)), func(t *token.Token) bool { return t.Type == token.CommentType })
}

// Origin is where an applied configuration comes from. The zero Origin is the configuration file.
type Origin struct {
	Revision uint64 // in the store; it grows with each change there
	Name     string // of the file that was applied
}

// NotInForce says that a configuration file is not in force, because another configuration is applied.
type NotInForce struct {
	File    string
	Applied Origin
	Err     error // what is wrong with the file, nil if nothing is
}

func (e NotInForce) Error() string {
	text := fmt.Sprintf("%s is not in force: revision %d is applied; use passerelle sites apply, or sites unapply", e.File, e.Applied.Revision)
	if e.Err != nil {
		text += "; and it is refused: " + e.Err.Error()
	}
	return text
}

// Unwrap gives what is wrong with the file.
func (e NotInForce) Unwrap() error { return e.Err }
