package site

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// Schema gives the JSON Schema of the configuration file, for editors.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{RequiredFromJSONSchemaTags: true, DoNotReference: true, Anonymous: true}
	schema := r.Reflect(&File{})
	schema.Title = "Passerelle configuration"
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(out, '\n'), nil
}
