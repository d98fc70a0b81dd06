package richtext

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestMarkdownBecomesHTML(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Called **Emma**.\nShe wants *two* loaves.", "<p>Called <strong>Emma</strong>.<br>\nShe wants <em>two</em> loaves.</p>\n"},
		{"# Plan\n\n- one\n- two\n\n3. three", "<h1>Plan</h1>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n<ol start=\"3\">\n<li>three</li>\n</ol>\n"},
		{"[site](https://b.example/?a=1&b=2)", `<p><a href="https://b.example/?a=1&amp;b=2" rel="nofollow noreferrer noopener" target="_blank">site</a></p>` + "\n"},
		{"see https://b.example", `<p>see <a href="https://b.example" rel="nofollow noreferrer noopener" target="_blank">https://b.example</a></p>` + "\n"},
		{"![a cat](https://b.example/cat.png)", `<p><a href="https://b.example/cat.png" rel="nofollow noreferrer noopener" target="_blank">a cat</a></p>` + "\n"},
		{"a <b>bold</b> <img src=x onerror=alert(1)>", "<p>a bold </p>\n"},
		{"~~no~~ `<script>`", "<p><del>no</del> <code>&lt;script&gt;</code></p>\n"},
		{"| a | b |\n|---|---|\n| 1 | 2 |", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n"},
		{"[x](javascript:alert(1)) [y](data:text/html,x)", "<p>x y</p>\n"},
		{"", ""},
	} {
		if got := HTML(c.text); got != c.want {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

// attacks are ways into a page, of the OWASP filter evasion sheet and of Markdown's own.
var attacks = []string{
	`<script>alert(1)</script>`, `<SCRIPT SRC=//x.example/a.js></SCRIPT>`, `<img src="javascript:alert('XSS');">`,
	`<a href="javascript:alert(1)">x</a>`, `<a href="jav&#x09;ascript:alert(1)">x</a>`, `<svg/onload=alert(1)>`,
	`<svg><style><img src=x onerror=alert(1)></style></svg>`, `<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<iframe srcdoc="<script>alert(1)</script>">`, `<details open ontoggle=alert(1)>`, `<body onload=alert(1)>`,
	`<style>@import'http://x.example/x.css';</style>`, `<div style="background:url(javascript:alert(1))">`,
	`<!--<img src="--><img src=x onerror=alert(1)//">`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`[x](javascript:alert(1))`, `[x]( javascript:alert(1))`, `[x](JaVaScRiPt:alert(1))`, `[x](javascript&colon;alert(1))`,
	`[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))`, `[x](vbscript:msgbox(1))`, `[x](data:text/html;base64,PHNjcmlwdD4=)`,
	`<javascript:alert(1)>`, `![x](javascript:alert(1))`, `![x](https://x.example/"onerror="alert(1))`, `![x](x "onload=alert(1)")`,
	`[x](https://x.example "onmouseover=alert(1)")`, `[x]: javascript:alert(1)` + "\n\n[x]", "```\"><script>alert(1)</script>\nx\n```",
	`<https://x.example/"onclick=alert(1)>`, `[a](//x.example/y)`, `[a](/settings?delete=1)`, `[a](file:///etc/passwd)`, `&lt;script&gt;`,
	"<scr\x00ipt>alert(1)</scr\x00ipt>", "\x00", "[\xff](\xfe)", `<a href="https://x.example" target=_top onclick=alert(1)>x</a>`,
	`<form action=https://x.example><input name=password>`, `<meta http-equiv=refresh content=0>`, `<base href=https://x.example>`, `<object data=x>`,
}

func TestNothingOfWhatPeopleTypeIsRun(t *testing.T) {
	naughty, err := os.ReadFile("../order/testdata/blns.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(naughty), "\n")
	if len(lines) < 500 {
		t.Fatalf("%d naughty strings", len(lines))
	}
	for _, a := range slices.Concat(attacks, lines) {
		for _, text := range []string{a, "[" + a + "](" + a + ")", "![" + a + "](" + a + ")", "- > # " + a, "| " + a + " |\n|--|\n| " + a + " |"} {
			harmless(t, text)
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		done := make(chan bool)
		go func() { HTML(text); close(done) }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("rendering does not end")
		}
		harmless(t, text)
	})
}

var elements = strings.Fields("p br hr h1 h2 h3 h4 h5 h6 strong em del code pre blockquote ul ol li table thead tbody tr th td a")

// harmless fails if a page that shows the text would run, fetch or look like more
// than text.
func harmless(t *testing.T, text string) {
	t.Helper()
	out := HTML(text)
	z := html.NewTokenizer(strings.NewReader(out))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.CommentToken, html.DoctypeToken:
			t.Errorf("%q has a comment or doctype: %s", text, out)
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			tag := z.Token()
			if !slices.Contains(elements, tag.Data) {
				t.Errorf("%q has an element %s: %s", text, tag.Data, out)
			}
			rel := ""
			for _, a := range tag.Attr {
				switch tag.Data + " " + a.Key {
				case "a rel":
					rel = a.Val
				case "a target", "ol start":
				case "a href":
					u, err := url.Parse(a.Val)
					if err != nil || !slices.Contains([]string{"http", "https", "mailto", "tel"}, u.Scheme) {
						t.Errorf("%q leads to %q", text, a.Val)
					}
				default:
					t.Errorf("%q has %s on %s: %s", text, a.Key, tag.Data, out)
				}
			}
			if tag.Data == "a" && tag.Type == html.StartTagToken && len(tag.Attr) > 0 && (!strings.Contains(rel, "nofollow") || !strings.Contains(rel, "noreferrer")) {
				t.Errorf("%q has a link with rel %q", text, rel)
			}
		}
	}
}

func TestLongTextsAreRefusedOrRenderedSoon(t *testing.T) {
	for _, part := range []string{"[", "![", ">", "> ", "*", "* ", "**a", "`", "- ", "| ", "<", "&", "((", "[](", "\n- a\n  ", "1. ", "- > 1) ", "a@b.nl ", "https://b.nl/(", "_a ", "***a"} {
		text := strings.Repeat(part, 20_000/len(part))
		if Check(text) != nil {
			text = strings.Repeat(part, 400)
		}
		best := time.Hour // of several, as other work on the machine says nothing of ours
		for range 5 {
			start := time.Now()
			HTML(text)
			if best = min(best, time.Since(start)); best < 500*time.Millisecond {
				break
			}
		}
		if best > 500*time.Millisecond {
			t.Errorf("%d times %q took %s", 20_000/len(part), part, best)
		}
	}
	if err := Check(strings.Repeat("> ", MaxNesting) + "quoted"); err != nil {
		t.Error(err)
	}
	if Check("fine\n"+strings.Repeat("> ", MaxNesting+1)+"quoted") == nil {
		t.Error("a deep quote is taken")
	}
}

func TestMarkdownAsPlainText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Dear **Emma**,\n\nyour *bread* is ready\nat [the shop](https://b.example/x?a=1&b=2).", "Dear Emma,\n\nyour bread is ready\nat the shop (https://b.example/x?a=1&b=2)."},
		{"# Times\n\n- Monday\n- Tuesday\n  - early\n\nBye", "Times\n\n- Monday\n- Tuesday\n  - early\n\nBye"},
		{"5 \\* 3 &amp; <b>x</b> https://b.example", "5 * 3 & x https://b.example"},
		{"```\na <b>\n```", "a <b>"},
		{"plain", "plain"},
	} {
		if got := Plain(c.text); got != c.want {
			t.Errorf("%q:\n%q\nwant\n%q", c.text, got, c.want)
		}
	}
}
