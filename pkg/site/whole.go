package site

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// whole refuses fractions where an id is wanted: the decoder would cut 1001.7 down to 1001, which is somebody else's.
func (c *checker) whole(keys ...string) {
	for _, key := range keys {
		path, err := yaml.PathString("$." + quoted(key))
		if err != nil {
			continue // a name that makes no path is refused as a name
		}
		if node, err := path.FilterFile(c.tree); err == nil && node != nil && node.Type() == ast.FloatType {
			c.fail(key, "expected a whole number")
		}
	}
}
