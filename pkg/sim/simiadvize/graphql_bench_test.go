package simiadvize

import (
	"testing"

	"github.com/google/uuid"
)

func BenchmarkConversationQuery(b *testing.B) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for range 1000 {
		c := rich()
		c.ID = uuid.NewString()
		c.Messages = append(c.Messages, c.Messages[1:6]...)
		if err := s.Add(c); err != nil {
			b.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	for i := 0; b.Loop(); i++ {
		result := s.schemas["ha"].Exec(b.Context(), everything, "", map[string]any{"id": ids[i%len(ids)]})
		if len(result.Errors) > 0 {
			b.Fatal(result.Errors)
		}
	}
}
