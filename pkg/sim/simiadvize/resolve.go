package simiadvize

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// conversation resolves the schema's Conversation. Users stays nil unless a list asks for it: "This data is only
// available when querying the field closedConversations" (graphql.iadvize.dev, types/Conversation).
type conversation struct {
	ID                 conversationID
	LegacyID           *legacyID
	CreatedAt          dateTime
	ClosedAt           *dateTime
	Channel            string
	Duration           *string
	Visitor            *visitor
	Users              *[]*user
	Tags               []tag
	Project            *project
	Language           *language
	SatisfactionSurvey *survey
	ClosingFormValues  *[]formValue
	CustomData         *[]customData

	server *Server
	record *record
}

type visitor struct {
	ExternalUserID, FirstName, LastName, Email, PhoneNumber, Address, City, ZipCode, Country, Username *string
}

type tag struct {
	ID   legacyID
	Name string
}

type project struct {
	ID   int32
	Name string
}

type language struct{ Code string }

type survey struct {
	CustomerSatisfaction, NetPromoterScore *int32
	SatisfactionComment                    *string
}

type formValue struct {
	FieldID        string
	Value          *string
	ConversationID *legacyID
}

type customData struct {
	Key                string
	Label, StringValue *string
}

func (s *Server) resolve(r *record) *conversation {
	sp := s.spelling()
	c := &conversation{
		ID: conversationID(r.ID), CreatedAt: sp.time(r.CreatedAt), Channel: r.Channel, Tags: []tag{},
		server: s, record: r,
	}
	if r.LegacyID != 0 {
		id := sp.id(r.LegacyID)
		c.LegacyID = &id
	}
	if !r.ClosedAt.IsZero() {
		at := sp.time(r.ClosedAt)
		c.ClosedAt = &at
		c.Duration = orNull(isoDuration(r.ClosedAt.Sub(r.CreatedAt)))
	}
	if v := r.Visitor; v != nil {
		c.Visitor = &visitor{
			orNull(v.ExternalUserID), orNull(v.FirstName), orNull(v.LastName), orNull(v.Email), orNull(v.Phone),
			orNull(v.Address), orNull(v.City), orNull(v.ZipCode), orNull(v.Country), orNull(v.Username),
		}
	}
	for _, t := range r.Tags {
		c.Tags = append(c.Tags, tag{sp.id(t.ID), t.Name})
	}
	if r.ProjectID != 0 {
		c.Project = &project{int32(r.ProjectID), cmp.Or(r.ProjectName, fmt.Sprintf("Project %d", r.ProjectID))}
	}
	if r.Language != "" {
		c.Language = &language{r.Language}
	}
	if a := r.Survey; a != nil {
		c.SatisfactionSurvey = &survey{orNullInt(a.CustomerSatisfaction), orNullInt(a.NetPromoterScore), orNull(a.Comment)}
	}
	c.ClosingFormValues = s.closingForm(r, c.LegacyID)
	if r.CustomData != nil {
		list := make([]customData, len(r.CustomData))
		for i, d := range r.CustomData {
			list[i] = customData{d.Key, orNull(d.Label), orNull(d.Value)}
		}
		c.CustomData = &list
	}
	return c
}

func (s *Server) closingForm(r *record, legacy *legacyID) *[]formValue {
	if r.ClosingForm == nil || !s.passed(r.addedAt, r.ClosingFormAfter, s.cfg.ClosingFormAfter) {
		return nil
	}
	list := make([]formValue, len(r.ClosingForm))
	for i, v := range r.ClosingForm {
		value := cut(v.Value, 1024)
		if v.Checkbox && value == "true" {
			value = s.cfg.TickedAs
		}
		list[i] = formValue{v.FieldID, orNull(value), legacy}
	}
	return &list
}

// cut keeps the first n characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

func orNullInt(n *int) *int32 {
	if n == nil {
		return nil
	}
	v := int32(*n)
	return &v
}

func isoDuration(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	out := "PT"
	if h := s / 3600; h > 0 {
		out += strconv.FormatInt(h, 10) + "H"
	}
	if m := s / 60 % 60; m > 0 {
		out += strconv.FormatInt(m, 10) + "M"
	}
	if s %= 60; s > 0 || out == "PT" {
		out += strconv.FormatInt(s, 10) + "S"
	}
	return out
}

// user resolves the interface User and the types that implement it.
type user struct {
	ID        legacyID
	Email     *string
	FirstName *string
	LastName  string
	UserName  *string
	IsDeleted *bool
	kind      AgentKind
}

func (u *user) ToProfessional() (*user, bool) { return u, u.kind == Professional }
func (u *user) ToExpert() (*user, bool)       { return u, u.kind == Expert }
func (u *user) ToBot() (*user, bool)          { return u, u.kind == Bot }

func (sp spelling) user(a Agent) *user {
	deleted := a.Deleted
	return &user{
		sp.id(a.ID), orNull(a.Email), orNull(a.FirstName), a.LastName, orNull(a.UserName), &deleted,
		cmp.Or(a.Kind, Professional),
	}
}

func (sp spelling) users(agents []Agent) *[]*user {
	list := make([]*user, len(agents))
	for i, a := range agents {
		list[i] = sp.user(a)
	}
	return &list
}

type messageConnection struct {
	Edges    []messageEdge
	PageInfo pageInfo
}

type messageEdge struct {
	Cursor string
	Node   *message
}

// Messages pages through the transcript.
func (c *conversation) Messages(args struct {
	First *int32
	After *string
}) (*messageConnection, error) {
	limit, err := c.server.pageSize(args.First)
	if err != nil {
		return nil, err
	}
	start := 0
	if args.After != nil {
		text, err := base64.StdEncoding.DecodeString(*args.After)
		n, numberErr := strconv.Atoi(string(text))
		if err != nil || numberErr != nil || n < 0 {
			return nil, errors.New("after is not a cursor of these messages")
		}
		start = n + 1
	}
	all := c.record.Messages
	start = min(start, len(all))
	end := min(start+limit, len(all))
	page := &messageConnection{Edges: make([]messageEdge, 0, end-start), PageInfo: pageInfo{HasNextPage: end < len(all)}}
	for i := start; i < end; i++ {
		cursor := base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(i)))
		page.Edges = append(page.Edges, messageEdge{cursor, c.server.spelling().message(c.record, all[i])})
	}
	if n := len(page.Edges); n > 0 {
		page.PageInfo.EndCursor = &page.Edges[n-1].Cursor
	}
	return page, nil
}
