package ingest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/ticket"
)

// formField is a field of iAdvize's closing form.
// https://docs.iadvize.dev/apps/build-your-app (conversation closing form)
type formField struct {
	ID       string `json:"id"`
	ParentID string `json:"idParent,omitempty"`
	Label    string `json:"label"`
	Type     string `json:"fieldType"`
	Required bool   `json:"isRequired"`
}

// closingForm gives the fields that an agent sees when closing: a checkbox, and below it the note for colleagues. A
// site that is not configured, or without escalation, has none.
func (h *Handler) closingForm(w http.ResponseWriter, r *http.Request) {
	signers := h.signers(r.Header.Get(iadvize.SignatureHeader), []byte(r.URL.RawQuery))
	if len(signers) == 0 {
		h.refuse(w, r, h.countForm, http.StatusUnauthorized, "x-iadvize-signature is missing or wrong")
		return
	}
	query := r.URL.Query()
	platform, project, ok := websiteID(query.Get("idWebsite"))
	if !ok {
		h.refuse(w, r, h.countForm, http.StatusBadRequest, "idWebsite is not one such as ha-1234")
		return
	}
	fields := []formField{} // an empty list, never null
	site, known := h.sites.Site(r.Context(), platform, project)
	if known && slices.Contains(signers, site.IAdvize) && site.Tickets.Escalation {
		// The form is for the agent, the ticket for the site: each is labelled in its own language.
		labels := ticket.LabelsIn(locale(query.Get("operatorLocale"), site.Locale))
		note := site.Tickets.NoteLabel
		if note == "" {
			note = labels.PrivateNote
		}
		fields = append(fields,
			formField{ID: iadvize.FieldEscalate, Label: labels.Escalate, Type: "CHECKBOX"},
			formField{ID: iadvize.FieldPrivateNote, ParentID: iadvize.FieldEscalate, Label: note, Type: "TEXTAREA"})
	}
	h.countForm("given")
	answer(w, http.StatusOK, fields)
}

// websiteID reads "ha-1234". The platform is written in either case.
func websiteID(text string) (platform string, project int64, ok bool) {
	platform, number, found := strings.Cut(strings.ToLower(text), "-")
	project, err := strconv.ParseInt(number, 10, 64)
	return platform, project, found && err == nil && project > 0 && (platform == "ha" || platform == "sd")
}

// locale takes the language of "fr", "fr_FR" or "fr-FR", and the site's when it is not one of ours.
func locale(operator, site string) string {
	language, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(operator), "_", "-"), "-")
	if slices.Contains(ticket.Locales(), language) {
		return language
	}
	return site
}
