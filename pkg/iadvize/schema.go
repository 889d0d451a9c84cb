package iadvize

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"passerelle/pkg/ticket"
)

//go:embed introspection.graphql
var introspectionQuery string

// Lack is something that a query of the product asks for and the live schema does not have.
type Lack struct {
	Name     string // as "Conversation.customData", "Query.conversation(id:)" or "type UUID"
	Optional bool   // asked for by the sweep and the check alone; tickets do without
}

// ErrNoIntrospection says that iAdvize does not tell its schema.
var ErrNoIntrospection = errors.New("iAdvize does not tell its schema")

// Lacking compares every field, argument and type of the product's queries with the live schema. What stands below a
// field that is lacking is not looked at. The error is ErrNoIntrospection or a *ticket.Failure.
func (c *Client) Lacking(ctx context.Context) ([]Lack, error) {
	s := &schema{client: c, types: map[string]map[string]fieldNode{}}
	root, err := s.root(ctx)
	if err != nil {
		return nil, err
	}
	var lacks []Lack
	for _, document := range []struct {
		text     string
		optional bool
	}{{queries, false}, {closingFormQuery, true}, {closedQuery, true}, {recentQuery, true}} {
		parsed, err := parser.ParseQuery(&ast.Source{Input: document.text})
		if err != nil {
			return nil, fmt.Errorf("parse the product's own query: %w", err)
		}
		names, err := s.lacking(ctx, root, parsed)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if !contains(lacks, name) {
				lacks = append(lacks, Lack{Name: name, Optional: document.optional})
			}
		}
	}
	return lacks, nil
}

func contains(lacks []Lack, name string) bool {
	for _, l := range lacks {
		if l.Name == name {
			return true
		}
	}
	return false
}

// schema is what was asked of the live schema so far.
type schema struct {
	client *Client
	types  map[string]map[string]fieldNode // nil: there is no such type
}

type fieldNode struct {
	Name string `json:"name"`
	Args []struct {
		Name string `json:"name"`
	} `json:"args"`
	Type typeNode `json:"type"`
}

// typeNode is a type, within lists and promises of not being null.
type typeNode struct {
	Name   string    `json:"name"`
	OfType *typeNode `json:"ofType"`
}

func (t typeNode) innermost() string {
	for t.OfType != nil {
		t = *t.OfType
	}
	return t.Name
}

type schemaData struct {
	Schema *struct {
		QueryType struct {
			Name string `json:"name"`
		} `json:"queryType"`
	} `json:"__schema"`
	Type *struct {
		Fields []fieldNode `json:"fields"`
	} `json:"__type"`
}

func (s *schema) ask(ctx context.Context, name string) (schemaData, error) {
	var data schemaData
	err := s.client.query(ctx, introspectionQuery, "Type", map[string]any{"name": name}, &data)
	return data, err
}

// root gives the name of the type that queries begin at.
func (s *schema) root(ctx context.Context) (string, error) {
	data, err := s.ask(ctx, "Query")
	switch f, ok := asFailure(err); {
	case err == nil && data.Schema != nil && data.Schema.QueryType.Name != "":
		return data.Schema.QueryType.Name, nil
	case err == nil, ok && (f.Trouble == ticket.TroubleHiccup || errors.Is(err, errSchema)):
		return "", ErrNoIntrospection
	default:
		return "", err
	}
}

// fields gives a type's fields; nil means that there is no such type.
func (s *schema) fields(ctx context.Context, name string) (map[string]fieldNode, error) {
	if known, ok := s.types[name]; ok {
		return known, nil
	}
	data, err := s.ask(ctx, name)
	if err != nil {
		return nil, err
	}
	var fields map[string]fieldNode
	if data.Type != nil {
		fields = map[string]fieldNode{}
		for _, f := range data.Type.Fields {
			fields[f.Name] = f
		}
	}
	s.types[name] = fields
	return fields, nil
}

func (s *schema) lacking(ctx context.Context, root string, document *ast.QueryDocument) ([]string, error) {
	var names []string
	for _, operation := range document.Operations {
		for _, variable := range operation.VariableDefinitions {
			name := variable.Type.Name()
			fields, err := s.fields(ctx, name)
			if err != nil {
				return nil, err
			}
			if fields == nil {
				names = append(names, "type "+name)
			}
		}
		below, err := s.selected(ctx, root, operation.SelectionSet)
		if err != nil {
			return nil, err
		}
		names = append(names, below...)
	}
	return names, nil
}

// selected compares what is selected of a type.
func (s *schema) selected(ctx context.Context, typ string, set ast.SelectionSet) ([]string, error) {
	fields, err := s.fields(ctx, typ)
	if err != nil {
		return nil, err
	}
	if fields == nil {
		return []string{"type " + typ}, nil
	}
	var names []string
	for _, selection := range set {
		var below []string
		switch chosen := selection.(type) {
		case *ast.InlineFragment:
			below, err = s.selected(ctx, cmp.Or(chosen.TypeCondition, typ), chosen.SelectionSet)
		case *ast.Field:
			below, err = s.field(ctx, typ, fields, chosen)
		}
		if err != nil {
			return nil, err
		}
		names = append(names, below...)
	}
	return names, nil
}

func (s *schema) field(ctx context.Context, typ string, fields map[string]fieldNode, chosen *ast.Field) ([]string, error) {
	if chosen.Name == "__typename" {
		return nil, nil
	}
	live, ok := fields[chosen.Name]
	if !ok {
		return []string{typ + "." + chosen.Name}, nil
	}
	var names []string
	for _, argument := range chosen.Arguments {
		known := false
		for _, a := range live.Args {
			known = known || a.Name == argument.Name
		}
		if !known {
			names = append(names, fmt.Sprintf("%s.%s(%s:)", typ, chosen.Name, argument.Name))
		}
	}
	if len(chosen.SelectionSet) == 0 {
		return names, nil
	}
	below, err := s.selected(ctx, live.Type.innermost(), chosen.SelectionSet)
	return append(names, below...), err
}

func asFailure(err error) (*ticket.Failure, bool) {
	var failure *ticket.Failure
	ok := errors.As(err, &failure)
	return failure, ok
}
