package ticket

// Labels are the words that appear in tickets, in one language.
type Labels struct {
	Subject     string // followed by the conversation's id
	Escalated   string // likewise, for an escalated conversation
	Speakers    Speakers
	PrivateNote string // default heading of the agent's note, and label of its field in the closing form
	Escalate    string // label of the closing form's checkbox
	NoMessages  string
	HandledBy   string // followed by the agent's name, where the ticket could not be assigned to them
	Channel     string
}

// Locales are the languages of the labels.
func Locales() []string { return []string{"fr", "en", "de", "es", "it", "nl", "pt"} }

// LabelsIn gives the words of a language; English where it is not one of Locales.
func LabelsIn(locale string) Labels {
	switch locale {
	case "fr":
		return Labels{
			Subject: "Conversation iAdvize", Escalated: "Demande issue de la conversation iAdvize",
			Speakers:    Speakers{Visitor: "Visiteur", Agent: "Conseiller", Bot: "Bot", System: "Système"},
			PrivateNote: "Note privée", Escalate: "Créer un ticket d'escalade",
			NoMessages: "Cette conversation ne contient aucun message.", HandledBy: "Traitée par", Channel: "Canal",
		}
	case "de":
		return Labels{
			Subject: "iAdvize-Gespräch", Escalated: "Anfrage aus iAdvize-Gespräch",
			Speakers:    Speakers{Visitor: "Besucher", Agent: "Berater", Bot: "Bot", System: "System"},
			PrivateNote: "Private Notiz", Escalate: "Eskalationsticket erstellen",
			NoMessages: "Dieses Gespräch enthält keine Nachrichten.", HandledBy: "Bearbeitet von", Channel: "Kanal",
		}
	case "es":
		return Labels{
			Subject: "Conversación de iAdvize", Escalated: "Solicitud de la conversación de iAdvize",
			Speakers:    Speakers{Visitor: "Visitante", Agent: "Agente", Bot: "Bot", System: "Sistema"},
			PrivateNote: "Nota privada", Escalate: "Crear un ticket de escalado",
			NoMessages: "Esta conversación no contiene mensajes.", HandledBy: "Atendida por", Channel: "Canal",
		}
	case "it":
		return Labels{
			Subject: "Conversazione iAdvize", Escalated: "Richiesta dalla conversazione iAdvize",
			Speakers:    Speakers{Visitor: "Visitatore", Agent: "Operatore", Bot: "Bot", System: "Sistema"},
			PrivateNote: "Nota privata", Escalate: "Crea un ticket di escalation",
			NoMessages: "Questa conversazione non contiene messaggi.", HandledBy: "Gestita da", Channel: "Canale",
		}
	case "nl":
		return Labels{
			Subject: "iAdvize-gesprek", Escalated: "Verzoek uit iAdvize-gesprek",
			Speakers:    Speakers{Visitor: "Bezoeker", Agent: "Medewerker", Bot: "Bot", System: "Systeem"},
			PrivateNote: "Privénotitie", Escalate: "Escalatieticket aanmaken",
			NoMessages: "Dit gesprek bevat geen berichten.", HandledBy: "Behandeld door", Channel: "Kanaal",
		}
	case "pt":
		return Labels{
			Subject: "Conversa iAdvize", Escalated: "Pedido da conversa iAdvize",
			Speakers:    Speakers{Visitor: "Visitante", Agent: "Agente", Bot: "Bot", System: "Sistema"},
			PrivateNote: "Nota privada", Escalate: "Criar um ticket de escalonamento",
			NoMessages: "Esta conversa não contém mensagens.", HandledBy: "Tratada por", Channel: "Canal",
		}
	default:
		return Labels{
			Subject: "iAdvize conversation", Escalated: "Request from iAdvize conversation",
			Speakers:    Speakers{Visitor: "Visitor", Agent: "Agent", Bot: "Bot", System: "System"},
			PrivateNote: "Private note", Escalate: "Create escalation ticket",
			NoMessages: "This conversation has no messages.", HandledBy: "Handled by", Channel: "Channel",
		}
	}
}
