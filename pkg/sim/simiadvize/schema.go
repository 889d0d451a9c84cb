package simiadvize

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/graph-gophers/graphql-go"
)

//go:embed schema.graphql
var schemaSDL string

func (s *Server) parseSchemas(sdl string) (map[string]*graphql.Schema, error) {
	out := map[string]*graphql.Schema{}
	for _, platform := range []string{"ha", "sd"} {
		options := []graphql.SchemaOpt{graphql.UseFieldResolvers(), graphql.MaxDepth(maxDepth)}
		if s.cfg.NoIntrospection {
			options = append(options, graphql.RestrictIntrospection(func(context.Context) bool { return false }))
		}
		schema, err := graphql.ParseSchema(sdl, &query{s, platform}, options...)
		if err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		out[platform] = schema
	}
	return out, nil
}

// withoutFields takes "Type.field" out of the schema's text.
func withoutFields(sdl string, fields []string) (string, error) {
	for _, name := range fields {
		typ, field, ok := strings.Cut(name, ".")
		removed := false
		if ok && field != "" {
			block := regexp.MustCompile(`(?m)^(?:type|interface|input) (\w+)([^{\n]*)\{[^}]*\}`)
			sdl = block.ReplaceAllStringFunc(sdl, func(text string) string {
				head := block.FindStringSubmatch(text)
				implements := strings.Fields(strings.TrimPrefix(strings.TrimSpace(head[2]), "implements"))
				if head[1] != typ && !slices.Contains(implements, typ) {
					return text
				}
				shorter, found := withoutField(text, field)
				removed = removed || found && head[1] == typ
				return shorter
			})
		}
		if !removed {
			return "", fmt.Errorf("missing field %q: the schema has no such field, write Type.field", name)
		}
	}
	return sdl, nil
}

// withoutField takes a field out of a type's text. An argument of the same name is left alone.
func withoutField(text, field string) (string, bool) {
	definition := regexp.MustCompile(`\b` + regexp.QuoteMeta(field) + `\s*(\([^)]*\))?\s*:\s*[\[\]\w!]+`)
	for _, at := range definition.FindAllStringIndex(text, -1) {
		before := text[:at[0]]
		if strings.Count(before, "(") == strings.Count(before, ")") {
			return before + text[at[1]:], true
		}
	}
	return text, false
}
