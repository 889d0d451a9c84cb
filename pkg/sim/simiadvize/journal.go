package simiadvize

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// entry is a line of the journal: a conversation, a survey's answer, or what became of a webhook.
type entry struct {
	Conversation *Conversation `json:"conversation,omitempty"`
	AddedAt      time.Time     `json:"added_at,omitzero"`
	ID           string        `json:"id,omitempty"` // of the conversation that the others are about
	Survey       *Survey       `json:"survey,omitempty"`
	Webhook      webhookState  `json:"webhook,omitempty"`
}

// journal appends entries to a file. A nil journal drops them. Safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of the entries that are whole
}

// openJournal reads the entries of the file, which it makes when there is none, and stands behind the last of them. A line that a crash left unfinished is cut off, so that the next entry does not end up inside it.
func openJournal(path string, read func(entry)) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &journal{file: file}
	if err := j.load(read); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

func (j *journal) load(read func(entry)) error {
	lines := bufio.NewReaderSize(j.file, 1<<16)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		read(e)
		j.size += int64(len(line))
	}
	return j.file.Truncate(j.size)
}

func (j *journal) write(e entry) error {
	if j == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteAt(append(line, '\n'), j.size); err != nil {
		// Half an entry must not stand in front of the next one.
		return fmt.Errorf("write journal: %w", errors.Join(err, j.file.Truncate(j.size)))
	}
	j.size += int64(len(line)) + 1
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}

// replay takes over what the journal says.
func (s *Server) replay(e entry) {
	switch {
	case e.Conversation != nil:
		s.store.put(&record{Conversation: *e.Conversation, addedAt: e.AddedAt, webhook: webhookNone})
	case e.Survey != nil:
		s.store.change(e.ID, e.Survey.applyTo)
	case e.Webhook != "":
		s.store.change(e.ID, func(r *record) { r.webhook = e.Webhook })
	}
}
