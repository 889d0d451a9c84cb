package simiadvize

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// query is the root of the schema on one platform.
type query struct {
	server   *Server
	platform string
}

// Conversation answers null until the conversation is readable.
func (q *query) Conversation(args struct{ ID conversationID }) (*conversation, error) {
	q.server.countQuery("conversation")
	r := q.server.store.get(string(args.ID))
	if r == nil || r.Platform != q.platform || !q.server.readable(r) || slices.Contains(q.server.cfg.UnreadableProjects, r.ProjectID) {
		if q.server.cfg.NotFoundAsError {
			return nil, errors.New("conversation not found")
		}
		return nil, nil
	}
	return q.server.resolve(r), nil
}

// User finds any user who took part in a conversation of the platform.
func (q *query) User(args struct{ ID legacyID }) *user {
	q.server.countQuery("user")
	if a, ok := q.server.store.user(q.platform, args.ID.value); ok {
		return q.server.spelling().user(a)
	}
	return nil
}

type closedConversationsArgs struct {
	Interval   struct{ From, To dateTime }
	ProjectIDs *[]int32
	Channels   *[]string
	First      *int32
	After      *string
}

type conversationConnection struct {
	Edges    []conversationEdge
	PageInfo pageInfo
}

type conversationEdge struct {
	Cursor string
	Node   *conversation
}

type pageInfo struct {
	EndCursor   *string
	HasNextPage bool
}

// ClosedConversations lists what was closed in the interval, both ends included.
func (q *query) ClosedConversations(args closedConversationsArgs) (*conversationConnection, error) {
	q.server.countQuery("closedConversations")
	limit, err := q.server.pageSize(args.First)
	if err != nil {
		return nil, err
	}
	for _, id := range q.server.cfg.UnreadableProjects {
		if args.ProjectIDs != nil && slices.Contains(*args.ProjectIDs, int32(id)) {
			return nil, errors.New("the project is not accessible")
		}
	}
	var after *closedAt
	if args.After != nil {
		if after, err = parseCursor(*args.After); err != nil {
			return nil, err
		}
	}
	wanted := func(r *record) bool {
		return q.server.readable(r) && !slices.Contains(q.server.cfg.UnreadableProjects, r.ProjectID) &&
			(args.ProjectIDs == nil || slices.Contains(*args.ProjectIDs, int32(r.ProjectID))) &&
			(args.Channels == nil || slices.Contains(*args.Channels, r.Channel))
	}
	page := &conversationConnection{Edges: []conversationEdge{}}
	from, to := args.Interval.From.time, args.Interval.To.time
	q.server.store.walk(q.platform, from, to, after, q.server.cfg.NewestFirst, func(r *record) bool {
		if !wanted(r) {
			return true
		}
		if len(page.Edges) == limit {
			page.PageInfo.HasNextPage = true
			return false
		}
		node := q.server.resolve(r)
		node.Users = q.server.spelling().users(r.Agents)
		page.Edges = append(page.Edges, conversationEdge{closedAt{r.ClosedAt.UnixMilli(), r.ID}.cursor(), node})
		return true
	})
	if n := len(page.Edges); n > 0 {
		page.PageInfo.EndCursor = &page.Edges[n-1].Cursor
	}
	return page, nil
}

// pageSize is what `first` asks for, bounded by the platform's maximum, which is also the default.
func (s *Server) pageSize(first *int32) (int, error) {
	switch {
	case first == nil:
		return s.cfg.PageLimit, nil
	case *first < 0:
		return 0, errors.New("first must not be negative")
	}
	return min(int(*first), s.cfg.PageLimit), nil
}

// cursor is what the platform's own cursors are: base64 of "<milliseconds>&<id>".
func (a closedAt) cursor() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(a.millis, 10) + "&" + a.id))
}

func parseCursor(text string) (*closedAt, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	millis, id, ok := strings.Cut(string(decoded), "&")
	n, numberErr := strconv.ParseInt(millis, 10, 64)
	if err != nil || !ok || numberErr != nil {
		return nil, errors.New("after is not a cursor of this list")
	}
	return &closedAt{n, id}, nil
}
