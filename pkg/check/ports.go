package check

import (
	"context"
	"time"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// Zendesk is what an account tells of itself. Errors are *ticket.Failure.
type Zendesk interface {
	Caller(ctx context.Context) (zendesk.Caller, error)
	Scopes(ctx context.Context) (scopes []string, known bool, err error)
	Form(ctx context.Context, id int64) (ticket.Form, error)
	Agent(ctx context.Context, email string) (ticket.AgentUser, bool, error)
	Brands(ctx context.Context) ([]zendesk.Brand, error)
	Groups(ctx context.Context) ([]zendesk.Group, error)
	Triggers(ctx context.Context) ([]zendesk.Rule, error)
	Automations(ctx context.Context) ([]zendesk.Rule, error)
	fields
}

// fields is what says which ticket fields there are, and where.
type fields interface {
	Fields(ctx context.Context) ([]zendesk.FieldSettings, error)
	Forms(ctx context.Context) ([]zendesk.FormSettings, error)
}

// Fields is what can make ticket fields. Errors are *ticket.Failure.
type Fields interface {
	fields
	CreateField(ctx context.Context, f zendesk.FieldSettings) (zendesk.FieldSettings, error)
	SetFormFields(ctx context.Context, form int64, fields []int64) error
}

// IAdvize is what a connection lets itself be asked. Errors are *ticket.Failure, or iadvize.ErrNoIntrospection.
type IAdvize interface {
	Probe(ctx context.Context) error
	Lacking(ctx context.Context) ([]iadvize.Lack, error)
	RecentAgents(ctx context.Context, projectID int64, from, to time.Time) (iadvize.Recent, error)
}
