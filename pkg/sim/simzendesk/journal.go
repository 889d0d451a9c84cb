package simzendesk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// entry is a line of the journal: what one request stored in an account.
type entry struct {
	Account string      `json:"account"`
	Ticket  *Ticket     `json:"ticket,omitempty"`
	User    *User       `json:"user,omitempty"`
	Field   *Field      `json:"field,omitempty"`
	Form    *Form       `json:"form,omitempty"`
	Idem    *idemRecord `json:"idem,omitempty"`
	NextID  int64       `json:"next_id"` // the last id that was given away
}

// journal appends entries to a file. A nil journal drops them. Safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of the entries that are whole
}

// openJournal reads the entries of the file, which it makes when there is none, and stands behind the last of them. A
// line that a crash left unfinished is cut off.
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

// store writes to the journal what a request changes, then lets it be seen.
func (a *AccountState) store(e entry) error {
	if err := a.server.Err(); err != nil {
		return err
	}
	e.Account, e.NextID = a.account.Name, a.runID
	if err := a.server.journal.write(e); err != nil {
		a.server.fail(err)
		return err
	}
	a.put(e)
	return nil
}

func (a *AccountState) put(e entry) {
	if e.User != nil {
		a.putUser(*e.User)
	}
	if e.Field != nil {
		a.putField(*e.Field)
	}
	if e.Form != nil {
		a.forms.put(e.Form.ID, e.Form)
	}
	if t := e.Ticket; t != nil {
		old := a.tickets.get(t.ID)
		if old == nil || old.ExternalID != t.ExternalID {
			if old != nil {
				a.unlist(old)
			}
			if t.ExternalID != "" {
				a.ticketsByExt[t.ExternalID] = append(a.ticketsByExt[t.ExternalID], t.ID)
			}
		}
		a.tickets.put(t.ID, t)
	}
}

// unlist takes a ticket out of the list of its external id.
func (a *AccountState) unlist(t *Ticket) {
	var rest []int64
	for _, id := range a.ticketsByExt[t.ExternalID] {
		if id != t.ID {
			rest = append(rest, id)
		}
	}
	a.ticketsByExt[t.ExternalID] = rest
	if len(rest) == 0 {
		delete(a.ticketsByExt, t.ExternalID)
	}
}

// apply takes over what the journal says.
func (a *AccountState) apply(e entry) {
	if e.User != nil {
		a.fromJournal[e.User.ID] = true
	}
	if e.Field != nil {
		a.fromJournal[e.Field.ID] = true
	}
	if e.Form != nil {
		a.fromJournal[e.Form.ID] = true
	}
	if t := e.Ticket; t != nil {
		for id, v := range t.Fields {
			if list, ok := v.([]any); ok {
				texts := []string{}
				for _, item := range list {
					texts = append(texts, textOf(item))
				}
				t.Fields[id] = texts
			}
		}
		if t.Fields == nil {
			t.Fields = map[int64]any{}
		}
		a.nextTicket = max(a.nextTicket, t.ID+1)
	}
	a.runID = max(a.runID, e.NextID)
	a.put(e)
	if r := e.Idem; r != nil && len(r.Hash) == len(idemKey{}.hash) {
		answer := r.Reply
		entry := &idemEntry{idemKey: idemKey{key: r.Key}, at: r.At, done: make(chan struct{}), answer: &answer}
		copy(entry.hash[:], r.Hash)
		close(entry.done)
		a.putKey(entry)
	}
}
