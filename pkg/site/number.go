package site

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// wholeNumber is which numbers a key takes.
type wholeNumber struct {
	least, most int64
	otherwise   string // what counts when the key is left out
	hint        string
}

// wholeOf reads the bounds of the schema in a field's tag.
func wholeOf(tag reflect.StructTag) wholeNumber {
	w := wholeNumber{least: math.MinInt64, most: math.MaxInt64, hint: tag.Get("hint")}
	if w.hint != "" {
		w.hint = "; " + w.hint
	}
	for rule := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(rule, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case name == "minimum":
			w.least = n
		case name == "maximum":
			w.most = n
		case name == "default":
			w.otherwise = value
		}
	}
	return w
}

// admits tells whether a whole number within the bounds stands there. The decoder would cut 1001.7 down to 1001, which
// is somebody else's project.
func (w wholeNumber) admits(node ast.Node) bool {
	var n int64
	switch v := node.(type) {
	case *ast.IntegerNode:
		switch value := v.Value.(type) {
		case int64:
			n = value
		case uint64:
			if value > math.MaxInt64 {
				return false
			}
			n = int64(value)
		}
	case *ast.StringNode:
		var err error
		if n, err = strconv.ParseInt(v.Value, 10, 64); err != nil {
			return false
		}
	default:
		return false
	}
	return n >= w.least && n <= w.most
}

func (w wholeNumber) String() string {
	said := "a whole number"
	switch {
	case w.most != math.MaxInt64:
		said += fmt.Sprintf(" from %d to %d", w.least, w.most)
	case w.least != math.MinInt64:
		said += fmt.Sprintf(" of %d or more", w.least)
	}
	if w.otherwise != "" {
		said += " (" + w.otherwise + " when left out)"
	}
	return said
}
