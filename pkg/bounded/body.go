package bounded

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/go-resty/resty/v2"
)

// WithJSON gives a request its body, and asks for an answer in JSON. It takes the place of resty's SetBody, which copies a
// body twice, and keeps all bodies since the last collection of memory but one: it gives their buffers back full, and takes
// only empty ones. https://github.com/go-resty/resty/blob/v2.17.2/util.go
func WithJSON(request *resty.Request, body any) (*resty.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write the request's body: %w", err)
	}
	return request.SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").SetBody(bytes.NewReader(text)), nil
}
