package check

import (
	"strings"
	"testing"

	"passerelle/pkg/zendesk"
)

// ruleConditions reads "field operator value, field operator value"; a value's parts stand between bars.
func ruleConditions(text string) []zendesk.RuleCondition {
	var list []zendesk.RuleCondition
	for one := range strings.SplitSeq(text, ", ") {
		words := append(strings.SplitN(one, " ", 3), "", "")
		list = append(list, zendesk.RuleCondition{Field: words[0], Operator: words[1], Value: strings.Split(words[2], "|")})
	}
	return list
}

func archive(m moment) prospect {
	return prospect{
		tags: map[string]verdict{"iadvize": always, "kind_a": maybe},
		values: map[string][]string{
			"status": {"solved"}, "priority": {""}, "type": {""}, "assignee_id": {something}, "via_id": {"5"}, "role": {"agent"},
			"ticket_is_public": {"private"}, "custom_status_id": {"11"}, "brand_id": {"3"}, "custom_fields_7": {""}, "custom_fields_8": {something},
		},
	}.at(m)
}

func TestConditions(t *testing.T) {
	for condition, want := range map[string]struct{ created, answered verdict }{
		"status is solved":                               {always, always},
		"status is_not solved":                           {never, never},
		"status  solved":                                 {always, always},
		"status less_than solved":                        {never, never},
		"status greater_than pending":                    {always, always},
		"status less_than unheard":                       {maybe, maybe},
		"status value SOLVED":                            {always, never},
		"status value open":                              {never, never},
		"status not_value solved":                        {never, always},
		"status value_previous pending":                  {never, never},
		"status not_value_previous pending":              {always, always},
		"status changed":                                 {always, never},
		"status not_changed":                             {never, always},
		"status of_another_kind x":                       {maybe, maybe},
		"priority changed":                               {never, never},
		"priority less_than high":                        {always, always},
		"update_type is Create":                          {always, never},
		"update_type is Change":                          {never, always},
		"current_tags includes iadvize":                  {always, always},
		"current_tags includes other iadvize":            {always, always},
		"current_tags includes other":                    {maybe, maybe},
		"current_tags includes kind_a":                   {maybe, maybe},
		"current_tags not_includes iadvize":              {never, never},
		"current_tags not_includes other IADVIZE":        {never, never},
		"current_tags not_includes other":                {always, always},
		"current_tags not_includes kind_a":               {maybe, maybe},
		"current_tags changed":                           {maybe, maybe},
		"comment_is_public is true":                      {never, never},
		"comment_is_public is false":                     {always, never},
		"comment_is_public is not_relevant":              {always, never},
		"comment_is_public is_not true":                  {always, always},
		"comment_is_public is requester_can_see_comment": {never, never},
		"comment_is_public is of_another_kind":           {maybe, never},
		"comment_is_public changed true":                 {maybe, maybe},
		"ticket_is_public is public":                     {never, never},
		"role is end_user":                               {never, never},
		"role is agent":                                  {always, always},
		"role is 1234":                                   {maybe, maybe},
		"via_id is 5":                                    {always, always},
		"via_id includes 4|29":                           {never, never},
		"via_id not_includes 4|5":                        {never, never},
		"assignee_id is ":                                {never, never},
		"assignee_id is 12":                              {maybe, maybe},
		"assignee_id is_not ":                            {always, always},
		"custom_status_id includes 10|11":                {always, always},
		"custom_status_id includes 10":                   {never, never},
		"brand_id is 4":                                  {never, never},
		"group_id is 4":                                  {maybe, maybe},
		"custom_fields_7 present":                        {never, never},
		"ticket_fields_7 not_present":                    {always, always},
		"custom_fields_8 present":                        {always, always},
		"custom_fields_9 is x":                           {maybe, maybe},
		"subject_includes_word includes refund":          {maybe, maybe},
		"SOLVED greater_than 24":                         {maybe, maybe},
		"an_unheard_field is x":                          {maybe, maybe},
		"status is solved, an_unheard_field is x":        {maybe, maybe},
		"status is open, an_unheard_field is x":          {never, never},
	} {
		rule := zendesk.Rule{All: ruleConditions(condition)}
		for _, m := range []struct {
			moment moment
			want   verdict
		}{{atCreation, want.created}, {atAnswer, want.answered}} {
			if got := archive(m.moment).fires(rule); got != m.want {
				t.Errorf("%s, %s: %d, want %d", condition, m.moment.words, got, m.want)
			}
		}
	}
	rest := archive(atRest)
	for condition, want := range map[string]verdict{
		"SOLVED greater_than 24": always, "updated_at is 4": always, "PENDING greater_than 24": maybe, "comment_is_public is true": maybe,
	} {
		if got := rest.fires(zendesk.Rule{All: ruleConditions(condition)}); got != want {
			t.Errorf("%s: %d, want %d", condition, got, want)
		}
	}
}

func TestAnyOfSeveral(t *testing.T) {
	for some, want := range map[string]verdict{
		"status is open, status is solved": always, "status is open, unheard is x": maybe, "status is open, type is task": never,
	} {
		if got := archive(atCreation).fires(zendesk.Rule{All: ruleConditions("via_id is 5"), Any: ruleConditions(some)}); got != want {
			t.Errorf("any of %s: %d, want %d", some, got, want)
		}
	}
	if got := archive(atCreation).fires(zendesk.Rule{}); got != always {
		t.Errorf("without conditions: %d", got)
	}
}

// A trigger that mails nobody may bring the ticket to where another one mails.
func TestOneRuleLeadsToAnother(t *testing.T) {
	act := func(field string, values ...string) []zendesk.RuleAction {
		return []zendesk.RuleAction{{Field: field, Value: values}}
	}
	for name, tc := range map[string]struct {
		first []zendesk.RuleAction
		then  string
		want  verdict
	}{
		"nothing":             {nil, "status is open", never},
		"another status":      {act("status", "open"), "status is open", maybe},
		"its custom status":   {act("status", "open"), "custom_status_id is 12", maybe},
		"its status":          {act("custom_status_id", "12"), "status is open", maybe},
		"a tag more":          {act("current_tags", "vip gold"), "current_tags not_includes gold", maybe},
		"a tag less":          {act("remove_tags", "iadvize"), "current_tags not_includes iadvize", maybe},
		"another tag less":    {act("remove_tags", "other"), "current_tags not_includes iadvize", never},
		"other tags":          {act("set_tags", "vip"), "current_tags not_includes iadvize", maybe},
		"changed at a change": {act("status", "open"), "update_type is Change, status value open", maybe},
		"a priority":          {act("priority", "high"), "priority greater_than normal", maybe},
		"what is not known":   {act("group_id", "4"), "group_id is 4", maybe},
	} {
		t.Run(name, func(t *testing.T) {
			first := zendesk.Rule{All: ruleConditions("via_id is 5"), Actions: tc.first}
			after := archive(atAnswer).settle([]zendesk.Rule{first})
			if got := after.fires(zendesk.Rule{All: ruleConditions(tc.then)}); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestWhoIsMailed(t *testing.T) {
	for name, tc := range map[string]struct {
		field  string
		to     string
		moment moment
		want   verdict
	}{
		"requester":               {"notification_user", "requester_id", atCreation, always},
		"with copies, private":    {"notification_user", "requester_and_ccs", atCreation, maybe},
		"with copies, no comment": {"notification_user", "requester_and_ccs", atAnswer, always},
		"by phone":                {"notification_sms_user", "requester_id", atCreation, always},
		"articles":                {"deflection", "x", atCreation, always},
		"the assignee":            {"notification_user", "assignee_id", atCreation, never},
		"a group":                 {"notification_group", "12", atCreation, never},
		"a webhook":               {"notification_webhook", "requester_id", atCreation, never},
	} {
		t.Run(name, func(t *testing.T) {
			rule := zendesk.Rule{Actions: []zendesk.RuleAction{{Field: "empty"}, {Field: tc.field, Value: []string{tc.to, "Subject"}}}}
			if got := archive(tc.moment).mails(rule); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}
