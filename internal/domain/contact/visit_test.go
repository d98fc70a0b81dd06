package contact

import "testing"

func TestHowAVisitorCame(t *testing.T) {
	const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	for _, tt := range []struct {
		name string
		said VisitSaid
		home string
		want Visit
	}{
		{"nothing said", VisitSaid{}, "", Visit{}},
		{"by a campaign in the first page's address", VisitSaid{Landing: "https://www.example.nl/winter?utm_source=nb&utm_medium=email&utm_campaign=w26&token=secret#x", UserAgent: iphone}, "",
			Visit{Channel: "email", Campaign: Campaign{Source: "nb", Medium: "email", Name: "w26"}, Landing: "www.example.nl/winter", Device: Device{"phone", "Safari", "iOS"}}},
		{"by a search", VisitSaid{Referrer: "https://www.google.co.uk/search?q=private+words"}, "www.example.nl", Visit{Channel: "search", Referrer: "www.google.co.uk/search"}},
		{"by an advertisement", VisitSaid{Campaign: Campaign{Medium: "CPC", Source: "google"}, Referrer: "https://www.google.com/"}, "", Visit{Channel: "ads", Campaign: Campaign{Medium: "CPC", Source: "google"}, Referrer: "www.google.com/"}},
		{"by friends", VisitSaid{Referrer: "https://l.facebook.com/l.php?u=x"}, "", Visit{Channel: "social", Referrer: "l.facebook.com/l.php"}},
		{"t.co is no part of another host", VisitSaid{Referrer: "https://trust.com/"}, "", Visit{Channel: "referral", Referrer: "trust.com/"}},
		{"from the site itself", VisitSaid{Referrer: "https://example.nl/a", Landing: "https://www.example.nl/b"}, "", Visit{Landing: "www.example.nl/b"}},
		{"from nowhere, as the shop says", VisitSaid{Landing: "/?x=1", Direct: true}, "", Visit{Channel: "direct", Landing: "/"}},
		{"an address with a password in it", VisitSaid{Referrer: "https://me:pw@blog.example/x"}, "", Visit{Channel: "referral", Referrer: "blog.example/x"}},
		{"what is no address", VisitSaid{Referrer: "javascript:alert(1)", Landing: "%zz"}, "", Visit{}},
	} {
		if got := NewVisit(tt.said, tt.home); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestDevices(t *testing.T) {
	const safari, chrome = "AppleWebKit/605.1.15 (KHTML, like Gecko)", "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0"
	for agent, want := range map[string]Device{
		"": {},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Safari/537.36":                      {"computer", "Chrome", "Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Safari/537.36 Edg/129.0":            {"computer", "Edge", "Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + safari + " Version/18.0 Safari/605.1.15": {"computer", "Safari", "macOS"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0":                      {"computer", "Firefox", "Linux"},
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) " + chrome + " Mobile Safari/537.36":                {"phone", "Chrome", "Android"},
		"Mozilla/5.0 (Linux; Android 14; SM-X210) SamsungBrowser/26.0 " + chrome + " Safari/537.36":   {"tablet", "Samsung Internet", "Android"},
		"Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) " + safari + " CriOS/129.0 Mobile Safari/604":  {"tablet", "Chrome", "iPadOS"},
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                    {Class: "bot"},
		"curl/8.5.0": {},
	} {
		if got := DeviceOf(agent); got != want {
			t.Errorf("%s is %+v, want %+v", agent, got, want)
		}
	}
}
