package site

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"passerelle/pkg/nearest"
	"passerelle/pkg/ticket"
)

// maxFile bounds the configuration file, in bytes: about ten thousand sites.
const maxFile = 16 << 20

// maxDepth is far more than a configuration needs.
const maxDepth = 100

// Config is a configuration that was found sound. It does not change and may be read concurrently.
type Config struct {
	Revision string // of the content; two files of one content share it
	IAdvize  map[string]IAdvize
	Zendesk  map[string]Zendesk
	Sites    map[string]ticket.Site

	byProject map[project]string
}

type project struct {
	platform string
	id       int64
}

// Problem is one thing wrong with a configuration.
type Problem struct {
	File     string
	Line     int    // 0 when it is not known
	Key      string // as sites.acme-fr.tickets.form_id; may be empty
	Expected string // what should stand there, or what is wrong
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, p.Line)
	}
	if p.Key != "" {
		where += ": " + p.Key
	}
	return where + ": " + p.Expected
}

// Load reads a file. Its error joins a Problem for each thing wrong.
func Load(path string) (*Config, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, content)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, Problem{File: path, Expected: "cannot be read (" + cause(err) + "); expected the configuration file, which PASSERELLE_CONFIG names where no file is given"}
	}
	if info.Size() > maxFile {
		return nil, Problem{File: path, Expected: fmt.Sprintf("expected at most %d MiB", maxFile>>20)}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, Problem{File: path, Expected: "cannot be read (" + cause(err) + ")"}
	}
	return content, nil
}

func cause(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Parse reads a configuration; name stands for the file in errors.
func Parse(name string, content []byte) (*Config, error) {
	tokens := lexer.Tokenize(string(content))
	if line := tooDeep(tokens); line > 0 {
		return nil, Problem{File: name, Line: line, Expected: fmt.Sprintf("expected at most %d lists or maps inside each other", maxDepth)}
	}
	tree, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, problemOf(name, err)
	}
	if len(tree.Docs) > 1 && tree.Docs[1].Body != nil {
		return nil, Problem{
			File: name, Line: tree.Docs[1].Body.GetToken().Position.Line, Expected: "expected one YAML document; this one would not be read",
		}
	}
	check := &checker{file: name, tree: tree}
	if len(tree.Docs) > 0 {
		check.shape(tree.Docs[0].Body, reflect.TypeFor[File]())
	}
	if len(check.problems) > 0 { // what is read of it would be something else
		return nil, errors.Join(check.problems...)
	}
	var f File
	if err := yaml.UnmarshalWithOptions(content, &f, yaml.Strict()); err != nil {
		return nil, problemOf(name, err)
	}
	config := &Config{
		Revision: revisionOf(content), IAdvize: f.IAdvize, Zendesk: f.Zendesk,
		Sites: map[string]ticket.Site{}, byProject: map[project]string{},
	}
	check.connections(config)
	for _, name := range slices.Sorted(maps.Keys(f.Sites)) {
		check.site(config, name, f.Sites[name])
	}
	if len(f.Sites) == 0 {
		check.fail("sites", "expected at least one site")
	}
	return config, errors.Join(check.problems...)
}

// revisionOf names what stands in a file.
func revisionOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// tooDeep gives the line at which more than maxDepth lists or maps are open, or 0. The parser's memory grows with the
// square of the depth. Only what opens without a deeper line is counted: lines are as many as they look.
func tooDeep(tokens token.Tokens) int {
	open, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type { //nolint:exhaustive // the others open nothing
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			dashes++
		}
		if open > maxDepth || dashes > maxDepth {
			return line
		}
	}
	return 0
}

// problemOf keeps the place and the words of a YAML error, without the lines of the file, which may hold a secret.
func problemOf(name string, err error) Problem {
	p := Problem{File: name, Expected: "not the YAML that is expected"}
	var located yaml.Error
	if errors.As(err, &located) {
		if t := located.GetToken(); t != nil {
			p.Line = t.Position.Line
		}
		p.Expected = located.GetMessage()
		var wrongType *yaml.TypeError
		if errors.As(err, &wrongType) {
			p.Expected = "expected " + kindName(wrongType.DstType)
		}
	}
	return p
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	default:
		return "keys with values"
	}
}

// Site gives the site of a project. Without a platform it must be the only one with that project id.
func (c *Config) Site(platform string, projectID int64) (ticket.Site, bool) {
	if platform != "" {
		name, ok := c.byProject[project{platform, projectID}]
		return c.Sites[name], ok
	}
	var found []string
	for _, platform := range []string{"ha", "sd"} {
		if name, ok := c.byProject[project{platform, projectID}]; ok {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ticket.Site{}, false
	}
	return c.Sites[found[0]], true
}

// checker collects problems.
type checker struct {
	file     string
	tree     *ast.File
	problems []error
}

// fail notes a problem at a key, or at the nearest key above it that stands in the file.
func (c *checker) fail(key, expected string) {
	c.problems = append(c.problems, Problem{File: c.file, Line: c.line(key), Key: key, Expected: expected})
}

func (c *checker) line(key string) int {
	for at := key; at != ""; {
		if path, err := yaml.PathString("$." + quoted(at)); err == nil {
			if node, err := path.FilterFile(c.tree); err == nil && node != nil && node.GetToken() != nil {
				return node.GetToken().Position.Line
			}
		}
		i := strings.LastIndexByte(at, '.')
		at = at[:max(i, 0)]
	}
	return 0
}

// quoted writes a dotted key as a YAML path.
func quoted(key string) string {
	parts := strings.Split(key, ".")
	for i, part := range parts {
		parts[i] = "'" + part + "'"
	}
	return strings.Join(parts, ".")
}

func (c *checker) ref(key string, r Ref) {
	switch wrong := r.malformed(); {
	case r == "":
		c.fail(key, "expected a value")
	case wrong != "":
		c.fail(key, "expected "+wrong)
	}
}

func (c *checker) connections(config *Config) {
	for _, name := range slices.Sorted(maps.Keys(config.IAdvize)) {
		conn, key := config.IAdvize[name], "iadvize."+name
		conn.Platform = strings.ToLower(cmp.Or(conn.Platform, "ha"))
		conn.URL = cmp.Or(conn.URL, "https://api.iadvize.com/graphql")
		conn.TokenURL = cmp.Or(conn.TokenURL, "https://api.iadvize.com/oauth2/token")
		config.IAdvize[name] = conn
		c.name(key, name)
		c.oneOf(key+".platform", conn.Platform, "ha", "sd")
		c.secure(key+".url", conn.URL)
		c.secure(key+".token_url", conn.TokenURL)
		c.ref(key+".username", conn.Username)
		c.ref(key+".password", conn.Password)
		if len(conn.WebhookSecrets) == 0 {
			c.fail(key+".webhook_secrets", "expected at least one secret: webhooks without a signature are never accepted")
		}
		for _, secret := range conn.WebhookSecrets {
			c.ref(key+".webhook_secrets", secret)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Zendesk)) {
		config.Zendesk[name] = c.account(name, config.Zendesk[name])
	}
}

func (c *checker) account(name string, a Zendesk) Zendesk {
	key := "zendesk." + name
	c.name(key, name)
	c.ref(key+".url", a.URL)
	c.secure(key+".url", a.URL)
	if u := string(a.URL); u != "" && !strings.Contains(u, "${") && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
		c.fail(key+".url", "expected an address such as https://acme.zendesk.com")
	}
	switch {
	case (a.Auth.OAuth == nil) == (a.Auth.APIToken == nil):
		c.fail(key+".auth", "expected exactly one of oauth and api_token")
	case a.Auth.OAuth != nil:
		c.ref(key+".auth.oauth.client_id", a.Auth.OAuth.ClientID)
		c.ref(key+".auth.oauth.client_secret", a.Auth.OAuth.ClientSecret)
		if a.Auth.OAuth.RefreshToken != "" {
			c.ref(key+".auth.oauth.refresh_token", a.Auth.OAuth.RefreshToken)
		}
	default:
		c.ref(key+".auth.api_token.email", a.Auth.APIToken.Email)
		c.ref(key+".auth.api_token.token", a.Auth.APIToken.Token)
	}
	a.RequestsPerMinute = cmp.Or(a.RequestsPerMinute, 400)
	if a.ReservePercent == nil {
		reserve := 20
		a.ReservePercent = &reserve
	}
	a.Bulk = cmp.Or(a.Bulk, BulkAuto)
	c.oneOf(key+".bulk", a.Bulk, BulkAuto, BulkOff)
	if a.BulkJobs == nil {
		jobs := 20
		a.BulkJobs = &jobs
	}
	if a.Import && a.Bulk == BulkOff {
		c.fail(key+".import", "expected false, because bulk: off leaves nothing to import")
	}
	return a
}

func (c *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(key, fmt.Sprintf("expected one of %s, not %q", strings.Join(allowed, ", "), short(value)))
	}
}

// entry notes that a name is none of those that stand under a key.
func (c *checker) entry(key, name, under string, names []string) {
	expected := "expected the name of an entry under " + under
	if name != "" {
		expected += fmt.Sprintf(", not %q", short(name))
	}
	if near, ok := nearest.Name(name, names); ok {
		expected += "; did you mean " + near + "?"
	}
	c.fail(key, expected)
}

// name keeps names usable in subjects, metrics and on the command line.
func (c *checker) name(key, name string) {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			c.fail(key, "expected a name of lower-case letters, digits, - and _")
			return
		}
	}
	if name == "" || len(name) > 64 {
		c.fail(key, "expected a name of 1 to 64 characters")
	}
}
