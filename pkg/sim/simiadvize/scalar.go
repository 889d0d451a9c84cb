package simiadvize

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// spelling writes ids and times as Config asks.
type spelling struct {
	idsAsStrings bool
	timestamps   Timestamp
}

func (s *Server) spelling() spelling {
	return spelling{s.cfg.IDsAsStrings, s.cfg.Timestamps}
}

// legacyID is the scalar LegacyId: a number, sometimes sent as a string.
type legacyID struct {
	value    int64
	asString bool
}

func (legacyID) ImplementsGraphQLType(name string) bool { return name == "LegacyId" }

func (id *legacyID) UnmarshalGraphQL(input any) (err error) {
	switch input := input.(type) {
	case int32:
		id.value = int64(input)
	case int64:
		id.value = input
	case string:
		id.value, err = strconv.ParseInt(input, 10, 64)
	default:
		err = fmt.Errorf("wrong type for LegacyId: %T", input)
	}
	return err
}

func (id legacyID) MarshalJSON() ([]byte, error) {
	if id.asString {
		return json.Marshal(strconv.FormatInt(id.value, 10))
	}
	return json.Marshal(id.value)
}

func (sp spelling) id(value int64) legacyID { return legacyID{value, sp.idsAsStrings} }

func (sp spelling) ids(values []int64) []legacyID {
	out := make([]legacyID, len(values))
	for i, v := range values {
		out[i] = sp.id(v)
	}
	return out
}

// dateTime is the scalar DateTime.
type dateTime struct {
	time     time.Time
	spelling Timestamp
}

func (dateTime) ImplementsGraphQLType(name string) bool { return name == "DateTime" }

func (t *dateTime) UnmarshalGraphQL(input any) (err error) {
	text, ok := input.(string)
	if !ok {
		return fmt.Errorf("wrong type for DateTime: %T", input)
	}
	t.time, err = time.Parse(time.RFC3339Nano, text)
	return err
}

func (t dateTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.String())
}

var parisSummer = time.FixedZone("", 2*60*60)

func (t dateTime) String() string {
	const millis = "2006-01-02T15:04:05.000Z"
	spelling := t.spelling
	if spelling == TimestampMixed {
		spelling = Timestamp(t.time.Unix() % int64(TimestampMixed))
	}
	switch spelling {
	case TimestampOffset:
		return t.time.In(parisSummer).Format("2006-01-02T15:04:05-07:00")
	case TimestampZone:
		return t.time.UTC().Format(millis) + "[Etc/UTC]"
	default:
		return t.time.UTC().Format(millis)
	}
}

func (sp spelling) time(t time.Time) dateTime { return dateTime{t, sp.timestamps} }

// conversationID is the scalar UUID.
type conversationID string

func (conversationID) ImplementsGraphQLType(name string) bool { return name == "UUID" }

func (id *conversationID) UnmarshalGraphQL(input any) error {
	text, ok := input.(string)
	if !ok {
		return fmt.Errorf("wrong type for UUID: %T", input)
	}
	parsed, err := uuid.Parse(text)
	if err != nil {
		return fmt.Errorf("not a UUID: %w", err)
	}
	*id = conversationID(parsed.String())
	return nil
}

// orNull is the text, or nil for an empty one.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
