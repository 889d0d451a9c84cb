package simiadvize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
)

// Field is a field of a closing form (apps/build-your-app, "Conversation closing form").
type Field struct {
	ID         string   `json:"id"`
	IDParent   string   `json:"idParent,omitempty"` // the field is shown when this one is filled
	Label      string   `json:"label"`
	FieldType  string   `json:"fieldType"` // TEXT CHECKBOX SELECT TEXTAREA INTEGER DECIMAL
	IsRequired bool     `json:"isRequired"`
	Options    []Option `json:"options,omitempty"` // of a SELECT
}

// Option is a choice of a SELECT.
type Option struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// connectorVersion is the idConnectorVersion of every plugin call.
const connectorVersion = "6f0f3d0e-5a3a-4c1e-9b6b-3f1f2f0c7a10"

// FetchClosingForm asks a plugin for the form that an agent fills in at the end of a conversation, signed over the raw
// query string. websiteID is written as "ha-1234", operatorID as "ha-456". The error says why iAdvize would show the
// agent no form: no answer, a status other than 200, or fields that are not what the documentation asks for.
func (s *Server) FetchClosingForm(ctx context.Context, plugin, secret, websiteID, locale, operatorID string) ([]Field, error) {
	fields, err := s.fetchClosingForm(ctx, plugin, secret, url.Values{
		"idConnectorVersion": {connectorVersion}, "idWebsite": {websiteID},
		"operatorLocale": {locale}, "idOperator": {operatorID},
	})
	if err != nil {
		return nil, fmt.Errorf("fetch closing form: %w", err)
	}
	return fields, nil
}

func (s *Server) fetchClosingForm(ctx context.Context, plugin, secret string, parameters url.Values) ([]Field, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, plugin, nil)
	if err != nil {
		return nil, err
	}
	if req.URL.RawQuery != "" {
		req.URL.RawQuery += "&"
	}
	req.URL.RawQuery += parameters.Encode()
	req.Header.Set("x-iadvize-signature", Sign(secret, []byte(req.URL.RawQuery)))
	resp, err := s.sender.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read of it is all that is wanted
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d, 200 is wanted", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errors.New("the answer is over 1 MiB")
	}
	var fields []Field
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("the answer is not an array of fields: %w", err)
	}
	return fields, checkForm(fields)
}

func checkForm(fields []Field) error {
	types := []string{"TEXT", "CHECKBOX", "SELECT", "TEXTAREA", "INTEGER", "DECIMAL"}
	for i, f := range fields {
		parent := func(other Field) bool { return other.ID == f.IDParent }
		same := func(other Field) bool { return other.ID == f.ID }
		switch {
		case f.ID == "" || f.Label == "":
			return fmt.Errorf("field %d has no id or no label", i)
		case !slices.Contains(types, f.FieldType):
			return fmt.Errorf("field %s has the unknown type %q", f.ID, f.FieldType)
		case f.IDParent != "" && !slices.ContainsFunc(fields, parent):
			return fmt.Errorf("field %s has the unknown parent %q", f.ID, f.IDParent)
		case slices.ContainsFunc(fields[:i], same):
			return fmt.Errorf("two fields have the id %s", f.ID)
		case f.FieldType == "SELECT" && len(f.Options) == 0:
			return fmt.Errorf("field %s is a SELECT without options", f.ID)
		}
	}
	return nil
}
