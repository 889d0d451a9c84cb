package site

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"passerelle/pkg/nearest"
)

// shape compares what stands in the file with the types that it is read into, and the bounds in their tags, which the
// schema has, too. The decoder alone would stop at the first error and not say where it is, cut 12.5 down to 12, and
// take a 0 for a key that was left out.
func (c *checker) shape(node ast.Node, want reflect.Type) {
	s := &shape{checker: c, anchors: map[string]ast.Node{}, seen: map[seenShape]bool{}, known: map[reflect.Type]map[string]reflect.StructField{}}
	s.look("", node, want, "")
}

type shape struct {
	*checker

	anchors map[string]ast.Node
	seen    map[seenShape]bool // an alias may stand in many places, or inside of itself
	known   map[reflect.Type]map[string]reflect.StructField
}

type seenShape struct {
	node ast.Node
	want reflect.Type
}

func (s *shape) look(key string, node ast.Node, want reflect.Type, rule reflect.StructTag) {
	node = s.bare(node)
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	if node == nil || node.Type() == ast.NullType || s.seen[seenShape{node, want}] {
		return
	}
	s.seen[seenShape{node, want}] = true
	switch want.Kind() { //nolint:exhaustive // the others take whatever stands there
	case reflect.Struct:
		s.keys(key, node, want)
	case reflect.Map:
		s.names(key, node, want)
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			s.failAt(key, node, "expected a list, not "+kindOf(node))
			return
		}
		for _, value := range list.Values {
			s.look(key, value, want.Elem(), "")
		}
	case reflect.Int, reflect.Int64:
		if expected := wholeOf(rule); !expected.admits(node) {
			s.failAt(key, node, fmt.Sprintf("expected %s, not %s%s", expected, given(node), expected.hint))
		}
	case reflect.Bool:
		if node.Type() != ast.BoolType {
			s.failAt(key, node, "expected true or false, not "+given(node))
		}
	case reflect.String:
		if isTree(node) {
			s.failAt(key, node, "expected a text, not "+kindOf(node))
		}
	}
}

// names looks at a map whose keys are names, or ids.
func (s *shape) names(key string, node ast.Node, want reflect.Type) {
	for _, pair := range s.pairs(key, node) {
		switch {
		case pair.merged:
			s.look(key, pair.value, want, "")
		case want.Key().Kind() == reflect.Int64 && !(wholeNumber{most: math.MaxInt64}).admits(s.bare(pair.at)):
			s.failAt(under(key, pair.name), pair.at, "expected a Zendesk field id, a whole number")
		default:
			s.look(under(key, pair.name), pair.value, want.Elem(), "")
		}
	}
}

// keys looks at each key of a map with known ones.
func (s *shape) keys(key string, node ast.Node, want reflect.Type) {
	known := s.knownKeys(want)
	for _, pair := range s.pairs(key, node) {
		field, ok := known[pair.name]
		if pair.merged {
			s.look(key, pair.value, want, "")
			continue
		}
		if !ok {
			s.failAt(under(key, pair.name), pair.at, "unknown key; "+meant(pair.name, slices.Sorted(maps.Keys(known))))
			continue
		}
		s.look(under(key, pair.name), pair.value, field.Type, field.Tag)
	}
}

// knownKeys gives the keys of a map: they are the same for each of thousands of accounts.
func (s *shape) knownKeys(of reflect.Type) map[string]reflect.StructField {
	known, ok := s.known[of]
	if !ok {
		known = map[string]reflect.StructField{}
		for field := range of.Fields() {
			known[field.Tag.Get("yaml")] = field
		}
		s.known[of] = known
	}
	return known
}

func meant(name string, known []string) string {
	if near, ok := nearest.Name(name, known); ok {
		return "did you mean " + near + "?"
	}
	return "expected one of " + strings.Join(known, ", ")
}

func under(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// shapePair is a key with its value.
type shapePair struct {
	name   string
	at     ast.Node
	value  ast.Node
	merged bool // the keys of the value count as if they stood here
}

func (s *shape) pairs(key string, node ast.Node) []shapePair {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		s.failAt(key, node, "expected keys with values, not "+kindOf(node))
	}
	pairs := make([]shapePair, len(values))
	for i, v := range values {
		pairs[i] = shapePair{text(s.bare(v.Key)), v.Key, v.Value, v.Key.IsMergeKey()}
	}
	return pairs
}

// bare gives what stands behind anchors, aliases and tags; nil for an alias of nothing, or of itself, which the decoder
// sees to.
func (s *shape) bare(node ast.Node) ast.Node {
	for range maxDepth {
		switch n := node.(type) {
		case *ast.AnchorNode:
			s.anchors[text(n.Name)] = n.Value
			node = n.Value
		case *ast.AliasNode:
			node = s.anchors[text(n.Value)]
		case *ast.TagNode:
			node = n.Value
		default:
			return node
		}
	}
	return nil
}

func (c *checker) failAt(key string, node ast.Node, expected string) {
	p := Problem{File: c.file, Key: key, Expected: expected}
	if t := node.GetToken(); t != nil {
		p.Line = t.Position.Line
	}
	c.problems = append(c.problems, p)
}

func isTree(node ast.Node) bool {
	return node.Type() == ast.MappingType || node.Type() == ast.MappingValueType || node.Type() == ast.SequenceType
}

// text gives what a scalar says.
func text(node ast.Node) string {
	switch n := node.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	if t := node.GetToken(); t != nil && !isTree(node) {
		return t.Value
	}
	return ""
}

// given says what stands there, for an error about a number or a choice, which is never a secret.
func given(node ast.Node) string {
	switch {
	case isTree(node):
		return kindOf(node)
	case node.Type() == ast.StringType || node.Type() == ast.LiteralType:
		return strconv.Quote(short(text(node)))
	default:
		return short(text(node))
	}
}

// kindOf says what kind of thing stands there, and not what it says: a secret may stand where its key was forgotten.
func kindOf(node ast.Node) string {
	switch {
	case node.Type() == ast.SequenceType:
		return "a list"
	case isTree(node):
		return "keys with values"
	default:
		return "a single value"
	}
}

// mostGiven bounds in characters what an error repeats.
const mostGiven = 40

func short(text string) string {
	if runes := []rune(text); len(runes) > mostGiven {
		return string(runes[:mostGiven]) + "…"
	}
	return text
}
