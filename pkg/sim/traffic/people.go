package traffic

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"passerelle/pkg/sim/simiadvize"
)

var firstNames = map[string][]string{
	"fr": {"Camille", "Zoé", "François", "Hélène", "Jérôme", "Marie-Laure"},
	"en": {"Olivia", "Harry", "Siobhan", "George", "Amelia"},
	"de": {"Jürgen", "Lena", "Björn", "Käthe", "Felix"},
	"es": {"Lucía", "Íñigo", "Carmen", "José", "Begoña"},
	"it": {"Giulia", "Niccolò", "Chiara", "Matteo"},
	"nl": {"Sanne", "Joost", "Fleur", "Daan"},
	"pt": {"Inês", "João", "Catarina"},
	"ar": {"ليلى", "كريم"},
	"he": {"נועה", "דוד"},
}

var lastNames = map[string][]string{
	"fr": {"Lefèvre", "d'Aubigné", "Martin", "Le Goff", "Nguyen"},
	"en": {"O'Connor", "Smith", "Whitfield", "Singh"},
	"de": {"Müller", "Groß", "von der Heide", "Yılmaz"},
	"es": {"García Núñez", "Ibáñez", "Peña"},
	"it": {"D'Angelo", "Rossi", "Esposito"},
	"nl": {"van den Berg", "de Vries", "IJsselstein"},
	"pt": {"Gonçalves", "Sousa"},
	"ar": {"حداد", "منصور"},
	"he": {"כהן", "לוי"},
}

var products = map[string][]string{
	"fr": {"la veste en lin", "les baskets Marée", "la lampe Brume"}, "en": {"the linen jacket", "the Tide trainers", "the Mist lamp"},
	"de": {"die Leinenjacke", "die Lampe Nebel"}, "es": {"la chaqueta de lino", "la lámpara Bruma"},
	"it": {"la giacca di lino", "la lampada Nebbia"}, "nl": {"het linnen jasje", "de lamp Nevel"},
	"pt": {"o casaco de linho", "o candeeiro Bruma"}, "ar": {"السترة", "المصباح"}, "he": {"המעיל", "המנורה"},
}

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// chance is true with a probability; a negative one never.
func chance(r *rand.Rand, probability float64) bool { return r.Float64() < probability }

// visitor makes one of the visitors that real sites have: known in full, without an e-mail, without a name, with an
// e-mail in capitals, or not known at all.
func visitor(r *rand.Rand, language string, offsite bool) *simiadvize.Visitor {
	v := &simiadvize.Visitor{
		ID: randomUUID(r), FirstName: one(r, firstNames[language]), LastName: one(r, lastNames[language]),
		ExternalID: fmt.Sprint(60_000_000 + r.IntN(9_000_000)),
	}
	number := r.IntN(5000)
	local := fmt.Sprintf("%s.%s%d", ascii(v.FirstName), ascii(v.LastName), number)
	domain := "example.com"
	if language == "fr" {
		domain = "example.fr"
	}
	v.Email = local + "@" + domain
	switch n := r.IntN(100); {
	case n < 10:
		v.Email = ""
	case n < 18:
		v.FirstName, v.LastName = "", ""
	case n < 24:
		v.FirstName, v.LastName, v.Email = "", "", ""
	case n < 30:
		v.Email = strings.ToUpper(v.Email)
	case n < 34:
		v.FirstName = ""
	case n < 36:
		return nil
	}
	if offsite {
		v.ExternalID, v.Email, v.Username = "", "", "visitor_"+fmt.Sprint(number)
	}
	if chance(r, 0.3) {
		v.Phone = fmt.Sprintf("+3319900%04d", r.IntN(10_000))
	}
	if chance(r, 0.2) {
		v.ExternalUserID = fmt.Sprintf("C-%06d", number)
	}
	if chance(r, 0.2) {
		v.City, v.ZipCode, v.Country = "Nantes", "44000", "FR"
	}
	return v
}

// ascii is what of a name may stand in an e-mail address.
func ascii(name string) string {
	plain := strings.NewReplacer("é", "e", "è", "e", "ç", "c", "ü", "u", "ö", "o", "ä", "a", "ß", "ss", "í", "i", "ñ", "n",
		"á", "a", "ò", "o", "ã", "a", "ê", "e", "ı", "i").Replace(strings.ToLower(name))
	plain = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c
		}
		return -1
	}, plain)
	return cmp.Or(plain, "visitor")
}

// operatorID is the same for a person at every start.
func operatorID(site Site, who string) int64 {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%s/%d/%s", site.Platform, site.ProjectID, who)
	return 1000 + int64(hash.Sum32()%9_000_000)
}

// agent is a human: mostly one of the site's, now and then one without an e-mail or one whom Zendesk does not know.
func agent(r *rand.Rand, site Site) simiadvize.Agent {
	n := r.IntN(100)
	if n < 4 {
		return simiadvize.Agent{
			ID: operatorID(site, "expert"), Kind: simiadvize.Expert, FirstName: "Robin", LastName: "Duval", UserName: "Robin",
		}
	}
	email := "former.colleague@example.com"
	if n >= 8 && len(site.AgentEmails) > 0 {
		email = one(r, site.AgentEmails)
	}
	local, _, _ := strings.Cut(email, "@")
	first, last, _ := strings.Cut(local, ".")
	return simiadvize.Agent{
		ID: operatorID(site, email), Kind: simiadvize.Professional, Email: email,
		FirstName: capital(first), LastName: cmp.Or(capital(last), "Agent"), UserName: capital(first),
	}
}

func bot(site Site) simiadvize.Agent {
	return simiadvize.Agent{ID: operatorID(site, "bot"), Kind: simiadvize.Bot, LastName: "Bot", UserName: "Assistant"}
}

// humans are different agents, the first to get the conversation in front.
func humans(r *rand.Rand, site Site, count int) []simiadvize.Agent {
	var out []simiadvize.Agent
	for range 20 {
		a := agent(r, site)
		if !slices.ContainsFunc(out, func(b simiadvize.Agent) bool { return a.ID == b.ID }) {
			out = append(out, a)
		}
		if len(out) == count {
			break
		}
	}
	return out
}

func capital(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
