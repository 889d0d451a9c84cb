package site

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Ref is a text of the configuration in which ${NAME} stands for an environment variable and ${file:PATH} for a
// file's trimmed content. It is resolved where it is used, and never printed resolved. It prints as "(hidden)" unless
// it holds references only, so that a secret written into the file itself is not shown either.
type Ref string

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

const maxSecretFile = 64 << 10

// Resolve gives the text with its references replaced. Its error names the variable or the file, never a content.
func (r Ref) Resolve() (string, error) {
	var failed []error
	text := reference.ReplaceAllStringFunc(string(r), func(match string) string {
		value, err := resolve(match[2 : len(match)-1])
		if err != nil {
			failed = append(failed, err)
		}
		return value
	})
	return text, errors.Join(failed...)
}

func resolve(name string) (string, error) {
	path, isFile := strings.CutPrefix(name, "file:")
	if !isFile {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return value, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return "", fmt.Errorf("secret file %s: not a regular file of at most %d bytes", path, maxSecretFile)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("secret file %s is empty", path)
	}
	return value, nil
}

// String hides what is not a reference.
func (r Ref) String() string {
	if r.literal() {
		return "(hidden)"
	}
	return string(r)
}

// literal tells whether something other than references is written out.
func (r Ref) literal() bool {
	return strings.TrimSpace(reference.ReplaceAllString(string(r), "")) != ""
}

// GoString hides too.
func (r Ref) GoString() string { return r.String() }

// malformed tells what is wrong with the references' form, if anything is.
func (r Ref) malformed() string {
	for _, match := range reference.FindAllStringSubmatch(string(r), -1) {
		if match[1] == "" || match[1] == "file:" {
			return "${NAME} or ${file:PATH}, not an empty reference"
		}
	}
	if strings.Contains(reference.ReplaceAllString(string(r), ""), "${") {
		return "a closing } for each ${"
	}
	return ""
}
