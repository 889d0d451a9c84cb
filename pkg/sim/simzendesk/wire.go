package simzendesk

// What answers look like: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#json-format

func (v Via) wire() object {
	from := v.From
	if from == nil {
		from = object{}
	}
	return object{"channel": v.Channel, "source": object{"from": from, "to": object{}, "rel": null(v.Rel)}}
}

func (c *call) ticketWire(t *Ticket) any {
	// Every field of the account stands in the list, set or not.
	fields := make([]object, 0, len(c.a.customFields))
	for _, f := range c.a.customFields {
		fields = append(fields, object{"id": f.ID, "value": t.Fields[f.ID]})
	}
	return object{
		"url": c.url("/api/v2/tickets/" + idText(t.ID)), "id": t.ID, "external_id": null(t.ExternalID), "via": t.Via.wire(),
		"created_at": stamp(t.CreatedAt), "updated_at": stamp(t.UpdatedAt), "generated_timestamp": t.UpdatedAt.Unix(),
		"type": null(t.Type), "subject": null(t.Subject), "raw_subject": null(t.Subject), "description": t.Description,
		"priority": null(t.Priority), "status": t.Status, "custom_status_id": null(t.CustomStatusID), "recipient": null(t.Recipient),
		"requester_id": t.RequesterID, "submitter_id": t.SubmitterID, "assignee_id": null(t.AssigneeID), "organization_id": nil,
		"group_id": null(t.GroupID), "collaborator_ids": []int64{}, "follower_ids": []int64{}, "email_cc_ids": []int64{},
		"forum_topic_id": nil, "problem_id": null(t.ProblemID), "has_incidents": false, "is_public": t.IsPublic,
		"due_at": null(t.DueAt), "tags": orEmpty(t.Tags), "custom_fields": fields, "fields": fields,
		"satisfaction_rating": nil, "sharing_agreement_ids": []int64{}, "followup_ids": orEmpty(t.FollowupIDs),
		"ticket_form_id": null(t.FormID), "brand_id": null(t.BrandID), "allow_channelback": false, "allow_attachments": true,
		"from_messaging_channel": false,
	}
}

func (c *call) commentWire(cm *Comment, via Via) object {
	return object{
		"id": cm.ID, "type": CommentEvent, "author_id": cm.AuthorID, "body": cm.Body, "html_body": cm.HTMLBody, "plain_body": cm.Body,
		"public": cm.Public, "attachments": []any{}, "audit_id": cm.AuditID, "via": via.wire(), "created_at": stamp(cm.CreatedAt),
		"metadata": object{"system": object{}, "custom": object{}},
	}
}

func (c *call) auditWire(t *Ticket, audit *Audit) object {
	custom := audit.Metadata
	if custom == nil {
		custom = object{}
	}
	events := make([]object, 0, len(audit.Events))
	for i := range audit.Events {
		events = append(events, c.eventWire(t, audit, &audit.Events[i]))
	}
	return object{
		"id": audit.ID, "ticket_id": t.ID, "created_at": stamp(audit.CreatedAt), "author_id": audit.AuthorID,
		"metadata": object{"system": object{"client": audit.Client, "ip_address": audit.Address, "location": nil, "latitude": nil, "longitude": nil}, "custom": custom},
		"events":   events, "via": audit.Via.wire(),
	}
}

func (c *call) eventWire(t *Ticket, audit *Audit, e *Event) object {
	out := object{"id": e.ID, "type": e.Type}
	switch e.Type {
	case CommentEvent:
		if cm := t.comment(e.CommentID); cm != nil {
			out = c.commentWire(cm, audit.Via)
			delete(out, "created_at")
			delete(out, "metadata")
			out["id"] = e.ID
		}
	case ChangeEvent:
		out["field_name"], out["value"], out["previous_value"] = e.FieldName, e.Value, e.PreviousValue
	case NotificationEvent:
		out["subject"], out["body"], out["recipients"] = e.Subject, e.Body, orEmpty(e.Recipients)
	default:
		out["field_name"], out["value"] = e.FieldName, e.Value
	}
	if e.Trigger != nil {
		out["via"] = object{"channel": "rule", "source": object{
			"from": object{"deleted": false, "title": e.Trigger.Title, "id": e.Trigger.ID}, "rel": "trigger", "to": object{},
		}}
	}
	return out
}
