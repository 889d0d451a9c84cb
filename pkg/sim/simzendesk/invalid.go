package simzendesk

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// invalid gathers everything that is wrong with a record. The words are in the account's language, as Zendesk's are:
// only the keys, the error codes and the field ids are the same everywhere.
type invalid struct {
	locale  string
	details map[string][]object
}

// message is a key of messages.
type message int

const (
	blank message = iota
	requiredToSolve
	notValid
	invalidValue
	tooShort
	tooLong
	suspended
	notInGroup
	cannotReset
	closedTicket
	badEmail
	noOption
	notClosed
)

// messages have %s where the title of the field or the name stands.
var messages = map[string]map[message]string{
	"en": {
		blank: "%s: cannot be blank", requiredToSolve: "%s: is required when solving a ticket", notValid: "%s is not valid",
		invalidValue: "%s: is invalid", tooShort: "%s: Name:  is too short (minimum is 1 character)", tooLong: "%s: is too long",
		suspended: "Requester: %s is suspended.", notInGroup: "%s: is not a member of the group", cannotReset: "%s: cannot be reset",
		closedTicket: "closed prevents ticket update", badEmail: "Email: %s is not properly formatted",
		noOption: "%s: must contain at least one option", notClosed: "%s: is not closed",
	},
	"pt": {
		blank: "%s: não pode ficar em branco", requiredToSolve: "%s: é obrigatório ao resolver um ticket", notValid: "%s não é válido",
		invalidValue: "%s: não é válido", tooShort: "%s: Nome: é muito curto (o mínimo é 1 caractere)", tooLong: "%s: é muito longo",
		suspended: "Solicitante: %s está suspension.", notInGroup: "%s: não é membro do grupo", cannotReset: "%s: não pode ser redefinida",
		closedTicket: "fechado impede a atualização do ticket", badEmail: "E-mail: %s não está formatado corretamente",
		noOption: "%s: deve conter pelo menos uma opção", notClosed: "%s: não está fechado",
	},
	"fr": {
		blank: "%s : ne peut pas être vide", requiredToSolve: "%s : est obligatoire pour résoudre un ticket", notValid: "%s n’est pas valide",
		invalidValue: "%s : n’est pas valide", tooShort: "%s : Nom : est trop court (1 caractère minimum)", tooLong: "%s : est trop long",
		suspended: "Demandeur : %s est suspendu.", notInGroup: "%s : n’est pas membre du groupe", cannotReset: "%s : ne peut pas être réinitialisée",
		closedTicket: "la fermeture empêche la mise à jour du ticket", badEmail: "E-mail : %s est mal formaté",
		noOption: "%s : doit contenir au moins une option", notClosed: "%s : n’est pas fermé",
	},
}

var titles = map[string]map[string]string{
	"pt": {"Description": "Descrição", "Assignee": "Atribuído", "Requester": "Solicitante", "Priority": "Prioridade", "Group": "Grupo", "Subject": "Assunto"},
	"fr": {"Assignee": "Assigné", "Requester": "Demandeur", "Priority": "Priorité", "Group": "Groupe", "Subject": "Sujet", "Status": "Statut"},
}

func (a *AccountState) newInvalid() *invalid {
	locale := a.account.Locale
	if messages[locale] == nil {
		locale = "en"
	}
	return &invalid{locale: locale, details: map[string][]object{}}
}

func (v *invalid) empty() bool {
	return len(v.details) == 0
}

// words are a message in the account's language.
func (v *invalid) words(m message, title string) string {
	if translated, found := titles[v.locale][title]; found {
		title = translated
	}
	template := messages[v.locale][m]
	if !strings.Contains(template, "%s") {
		return template
	}
	return fmt.Sprintf(template, title)
}

// add notes an error under a key of details. code "" leaves the key "error" out.
func (v *invalid) add(key string, m message, title, code string) {
	d := object{"description": v.words(m, title)}
	if code != "" {
		d["error"] = code
	}
	v.details[key] = append(v.details[key], d)
}

// addField notes an error of a ticket field. code nil stands in the answer as null.
func (v *invalid) addField(f *Field, m message, code any) {
	v.details["base"] = append(v.details["base"], object{
		"description": v.words(m, f.Title), "error": code, "ticket_field_id": f.ID, "ticket_field_type": f.className(),
	})
}

// reply is the answer with all errors at once.
func (v *invalid) reply() reply {
	return jsonReply(http.StatusUnprocessableEntity, object{
		"error": "RecordInvalid", "description": "Record validation errors", "details": v.details,
	})
}

// String is how the results of a job put it: one text.
func (v *invalid) String() string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(v.details)) {
		for _, d := range v.details[key] {
			out = append(out, textOf(d["description"]))
		}
	}
	return strings.Join(out, ", ")
}
