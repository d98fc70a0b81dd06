package contact

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Visit is how somebody came to the site when the contact was made. Neither the
// queries of addresses are kept, nor what a browser calls itself, nor where its
// computer is.
type Visit struct {
	Channel           string // search, social, ads, email, affiliate, referral, campaign, direct; empty: not known
	Campaign          Campaign
	Referrer, Landing string // host and path: where the visitor came from, and the first page
	Device            Device
}

// Campaign is what the link said that the visitor followed (utm_source …).
type Campaign struct{ Source, Medium, Name, Term, Content string }

// Device is what sort of device it was.
type Device struct {
	Class   string // phone, tablet, computer or bot
	Browser string
	OS      string
}

// VisitSaid is what a form or a shop tells of a visit.
type VisitSaid struct {
	Campaign  Campaign
	Landing   string // address or path of the first page; its utm_ parameters count where Campaign is empty
	Referrer  string // address of the page before
	UserAgent string
	Direct    bool // an empty Referrer means that there was none
}

const (
	maxVisitText = 200 // characters
	maxVisitPage = 500
)

// NewVisit keeps of it what may be kept. home is the site's own host, whose pages
// are no referrers; empty if it is not known.
func NewVisit(said VisitSaid, home string) Visit {
	v := Visit{Campaign: said.Campaign, Landing: page(said.Landing), Referrer: page(said.Referrer), Device: DeviceOf(said.UserAgent)}
	if u, err := url.Parse(said.Landing); err == nil {
		home = cmp.Or(home, u.Host)
		if v.Campaign == (Campaign{}) {
			q := u.Query()
			v.Campaign = Campaign{q.Get("utm_source"), q.Get("utm_medium"), q.Get("utm_campaign"), q.Get("utm_term"), q.Get("utm_content")}
		}
	}
	from, _, _ := strings.Cut(v.Referrer, "/")
	if home != "" && sameHost(from, home) {
		v.Referrer, from = "", ""
	}
	for _, t := range []*string{&v.Campaign.Source, &v.Campaign.Medium, &v.Campaign.Name, &v.Campaign.Term, &v.Campaign.Content} {
		*t = visitText(*t)
	}
	v.Channel = channel(v.Campaign, from, said.Direct)
	return v
}

func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(a), "www."), strings.TrimPrefix(strings.ToLower(b), "www."))
}

func visitText(s string) string { return firstRunes(strings.ToValidUTF8(Trim(s), ""), maxVisitText) }

// page is the host and the path of an address; of a path alone, the path.
func page(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Opaque != "" || u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return firstRunes(strings.ToValidUTF8(strings.ToLower(u.Host)+u.EscapedPath(), ""), maxVisitPage)
}

var (
	searchHosts = []string{"google", "bing", "duckduckgo", "ecosia", "yahoo", "startpage", "qwant", "yandex", "baidu", "kagi"}
	socialHosts = []string{"facebook", "instagram", "linkedin", "pinterest", "twitter", "tiktok", "youtube", "reddit", "threads", "whatsapp", "t.co", "x.com", "lnkd.in", "bsky.app"}
)

// channel sums up how a visitor came; the link's own words go before the page
// that it was on.
func channel(c Campaign, from string, direct bool) string {
	medium := strings.ToLower(c.Medium)
	is := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(medium, w) })
	}
	switch {
	case medium == "":
	case is("cpc", "ppc", "cpm", "paid", "display", "banner", "ads"):
		return "ads"
	case is("mail", "newsletter", "nieuwsbrief"):
		return "email"
	case is("social"):
		return "social"
	case is("affiliate"):
		return "affiliate"
	case is("organic"):
		return "search"
	}
	switch {
	case c != (Campaign{}):
		return "campaign"
	case from == "" && direct:
		return "direct"
	case from == "":
		return ""
	case hostIn(from, searchHosts):
		return "search"
	case hostIn(from, socialHosts):
		return "social"
	}
	return "referral"
}

// hostIn reports whether a host is one of the names, or has one of them as a label.
func hostIn(host string, names []string) bool {
	labels := strings.Split(strings.ToLower(host), ".")
	return slices.ContainsFunc(names, func(n string) bool {
		if strings.Contains(n, ".") {
			return host == n || strings.HasSuffix(host, "."+n)
		}
		return slices.Contains(labels, n)
	})
}

// DeviceOf reads of a User-Agent header what sort of device it tells; what it
// does not know stays empty. Browsers call themselves by the names of others, so
// the order matters.
func DeviceOf(userAgent string) Device {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(userAgent, w) })
	}
	first := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if has(pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	if lower := strings.ToLower(userAgent); strings.Contains(lower, "bot") || strings.Contains(lower, "crawl") || strings.Contains(lower, "spider") {
		return Device{Class: "bot"}
	}
	d := Device{
		OS: first("iPad", "iPadOS", "iPhone", "iOS", "iPod", "iOS", "Android", "Android", "CrOS", "ChromeOS", "Windows", "Windows",
			"Macintosh", "macOS", "Linux", "Linux"),
		Browser: first("Edg/", "Edge", "EdgA/", "Edge", "EdgiOS/", "Edge", "OPR/", "Opera", "Opera", "Opera", "SamsungBrowser/", "Samsung Internet",
			"FxiOS/", "Firefox", "Firefox/", "Firefox", "CriOS/", "Chrome", "Chrome/", "Chrome", "Safari/", "Safari"),
	}
	switch {
	case has("iPad", "Tablet") || d.OS == "Android" && !has("Mobile"):
		d.Class = "tablet"
	case has("iPhone", "iPod", "Mobile"):
		d.Class = "phone"
	case d.OS != "":
		d.Class = "computer"
	}
	return d
}

// visitFields are the parts of a visit by their names in files.
var visitFields = []struct {
	name string
	at   func(*Visit) *string
}{
	{"origin_channel", func(v *Visit) *string { return &v.Channel }},
	{"utm_source", func(v *Visit) *string { return &v.Campaign.Source }},
	{"utm_medium", func(v *Visit) *string { return &v.Campaign.Medium }},
	{"utm_campaign", func(v *Visit) *string { return &v.Campaign.Name }},
	{"utm_term", func(v *Visit) *string { return &v.Campaign.Term }},
	{"utm_content", func(v *Visit) *string { return &v.Campaign.Content }},
	{"referrer", func(v *Visit) *string { return &v.Referrer }},
	{"landing_page", func(v *Visit) *string { return &v.Landing }},
	{"device", func(v *Visit) *string { return &v.Device.Class }},
	{"browser", func(v *Visit) *string { return &v.Device.Browser }},
	{"os", func(v *Visit) *string { return &v.Device.OS }},
}

// VisitFields are the names that SetText knows.
func VisitFields() []string {
	var out []string
	for _, f := range visitFields {
		out = append(out, f.name)
	}
	return out
}

// SetText sets a part by its name in files, and reports whether there is one. An
// address loses its query.
func (v *Visit) SetText(name, text string) bool {
	for _, f := range visitFields {
		if f.name == name {
			if name == "referrer" || name == "landing_page" {
				text, _, _ = strings.Cut(text, "?")
				text, _, _ = strings.Cut(text, "#")
				*f.at(v) = firstRunes(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), maxVisitPage)
				return true
			}
			*f.at(v) = visitText(text)
			return true
		}
	}
	return false
}

// VisitTextAt is how to read a part of a contact's visit by its name in files; nil
// for a name there is not.
func VisitTextAt(name string) func(*Contact) string {
	for _, f := range visitFields {
		if f.name == name {
			return func(c *Contact) string { return *f.at(&c.Origin.Visit) }
		}
	}
	return nil
}
