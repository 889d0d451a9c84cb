package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

const (
	erasuresBucket = "erasures"
	erasureLife    = 3 * 365 * 24 * time.Hour
	erasePasses    = 3
)

func erasuresConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: erasuresBucket, Description: "what was erased at a visitor's request, without personal data", TTL: erasureLife, History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// Resting hands the event of everything that is stored with an event in it to see: the queue, what is held, and the
// dead letters. Nothing is consumed.
func (q *Queue) Resting(ctx context.Context, see func(ticket.Event) error) error {
	err := each(ctx, q.places("*", ">"), func(place place, msg *jetstream.RawStreamMsg) error {
		e, err := place.event(msg.Data)
		if err != nil {
			return nil //nolint:nilerr // what is not an event of ours has no visitor
		}
		return see(e)
	})
	if err != nil {
		return fmt.Errorf("look through %w", err)
	}
	return nil
}

// place is where events lie.
type place struct {
	name    string
	stream  jetstream.Stream
	subject string
	event   func(data []byte) (ticket.Event, error)
	count   func(*Erased) *int
}

// places gives the subjects that end like that, for each of the endings.
func (q *Queue) places(account string, endings ...string) []place {
	plain := func(data []byte) (e ticket.Event, err error) {
		err = json.Unmarshal(data, &e)
		return e, err
	}
	buried := func(data []byte) (ticket.Event, error) {
		var d ticket.DeadLetter
		err := json.Unmarshal(data, &d)
		return d.Event, err
	}
	var all []place
	for _, ending := range endings {
		ending = account + "." + ending
		all = append(all,
			place{"the queue", q.events, "ev." + ending, plain, func(e *Erased) *int { return &e.Events }},
			place{"what is held", q.hold, heldSpace + ending, plain, func(e *Erased) *int { return &e.Held }},
			place{"what is held and escalated", q.hold, firstSpace + ending, plain, func(e *Erased) *int { return &e.Held }},
			place{"the dead letters", q.dead, "dead." + ending, buried, func(e *Erased) *int { return &e.DeadLetters }},
		)
	}
	return all
}

// Erased is what was removed of a conversation.
type Erased struct {
	ConversationID string `json:"conversation_id"`
	Events         int    `json:"events"`
	Held           int    `json:"held"`
	DeadLetters    int    `json:"dead_letters"`
	Known          bool   `json:"known"`               // something was stored of it, or the ledger knew it
	Uncertain      bool   `json:"uncertain,omitempty"` // a call that makes its ticket may be under way, or have been made
	ticket.Ref            // its ticket, which stays in Zendesk; zero when none is known
}

// Erase removes what is stored of a conversation, and overwrites it on the disk. The ledger keeps that it was erased,
// so that neither a webhook that comes again nor a sweep makes a ticket of it. An older copy, which another message of its subject
// had replaced before, stays on the disk until its space is used again; a nats-server that is killed meanwhile can find it again
// (see LateAlarm), and Erase has to be called once more.
func (q *Queue) Erase(ctx context.Context, conversationID string, now time.Time) (Erased, error) {
	erased := Erased{ConversationID: conversationID}
	if err := q.noteErased(ctx, &erased, now); err != nil {
		return erased, fmt.Errorf("erase conversation %s: %w", conversationID, err)
	}
	// A worker may move an event from one place to another meanwhile.
	for range erasePasses {
		n := 0
		err := each(ctx, q.placesOf(conversationID), func(place place, msg *jetstream.RawStreamMsg) error {
			err := place.stream.SecureDeleteMsg(ctx, msg.Sequence)
			if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				return nil // gone by itself; the next pass sees it if it is not
			}
			n++
			*place.count(&erased)++
			erased.Known = true
			return err
		})
		if err != nil {
			return erased, fmt.Errorf("erase conversation %s from %w", conversationID, err)
		}
		if n == 0 {
			break
		}
	}
	return erased, nil
}

// Stored tells what Erase would remove of a conversation now. It changes nothing.
func (q *Queue) Stored(ctx context.Context, conversationID string) (Erased, error) {
	entry, found, err := q.Look(ctx, ticket.JobOf(conversationID))
	if err != nil {
		return Erased{}, err
	}
	stored := Erased{
		ConversationID: conversationID, Known: found && !entry.OnlyErased(), Uncertain: entry.State == StateIntended, Ref: entry.Ref,
	}
	err = each(ctx, q.placesOf(conversationID), func(place place, _ *jetstream.RawStreamMsg) error {
		*place.count(&stored)++
		stored.Known = true
		return nil
	})
	if err != nil {
		return stored, fmt.Errorf("look for conversation %s in %w", conversationID, err)
	}
	return stored, nil
}

// placesOf gives where events of a conversation lie.
func (q *Queue) placesOf(conversationID string) []place {
	job := string(ticket.JobOf(conversationID))
	return q.places("*", job, job+".>")
}

// each hands over each message. Its errors begin with the name of the place.
func each(ctx context.Context, places []place, see func(place, *jetstream.RawStreamMsg) error) error {
	for _, place := range places {
		err := walk(ctx, place.stream, place.subject, func(msg *jetstream.RawStreamMsg) error { return see(place, msg) })
		if err != nil {
			return fmt.Errorf("%s: %w", place.name, err)
		}
	}
	return nil
}

// noteErased writes it into the ledger first, so that what is in work does not become a ticket any more.
func (q *Queue) noteErased(ctx context.Context, erased *Erased, now time.Time) error {
	job := ticket.JobOf(erased.ConversationID)
	for {
		old, found, err := q.Look(ctx, job)
		if err != nil {
			return err
		}
		erased.Known = found && !old.OnlyErased()
		e := old
		e.Past = old.History()
		e.ErasedAt, e.At = now, now
		switch {
		case old.ID != 0:
			e.State, e.At = StateCreated, old.At
		default:
			e.State, e.Reason = StateSkipped, ""
		}
		erased.Ref, erased.Uncertain = old.Ref, old.State == StateIntended
		if _, err = q.Write(ctx, job, old, e); !errors.Is(err, ErrMoved) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// OnlyErased tells whether the ledger knows nothing of the job but that an erasure named it.
func (e Entry) OnlyErased() bool {
	return e.State == StateSkipped && !e.ErasedAt.IsZero() && e.ReceivedAt.IsZero() && e.Site == ""
}

// Erasure is the record that a visitor's data was erased. It holds no personal data, and is kept for 3 years.
type Erasure struct {
	ID            string    `json:"id"`
	At            time.Time `json:"at"`
	LookedAt      int       `json:"looked_at"`     // conversations of which something was stored
	Conversations []string  `json:"conversations"` // ids of those that were erased
	Events        int       `json:"events"`
	Held          int       `json:"held"`
	DeadLetters   int       `json:"dead_letters"`
	Unread        int       `json:"unread"` // conversations whose visitor could not be found out
}

// RecordErasure keeps a record, and gives its id.
func (q *Queue) RecordErasure(ctx context.Context, e Erasure) (id string, err error) {
	random, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("record erasure: %w", err)
	}
	e.ID = random.String()
	body, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("record erasure: %w", err)
	}
	if _, err := q.erasures.Create(ctx, e.ID, body); err != nil {
		return "", fmt.Errorf("record erasure: %w", err)
	}
	return e.ID, nil
}

// Erasures hands the records to see, oldest first.
func (q *Queue) Erasures(ctx context.Context, see func(Erasure) error) error {
	stream, err := q.js.Stream(ctx, bucketPrefix+erasuresBucket)
	if err != nil {
		return fmt.Errorf("read the records of erasures: %w", err)
	}
	return walk(ctx, stream, bucketSubject(erasuresBucket, ">"), func(msg *jetstream.RawStreamMsg) error {
		var e Erasure
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			return nil //nolint:nilerr // a mark of something deleted, or not a record of ours
		}
		return see(e)
	})
}
