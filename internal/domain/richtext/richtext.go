// Package richtext makes what members write in Markdown into HTML that any page
// can show: no script, no style, no picture that a reader's program would fetch.
package richtext

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	gm "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Raw HTML is left out by goldmark; the policy is the second wall, and the one that
// is tested.
var (
	markdown = goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify),
		goldmark.WithRendererOptions(html.WithHardWraps(),
			renderer.WithNodeRenderers(util.Prioritized(pictures{}, 1))),
	)
	policy = newPolicy()
)

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "del", "code", "pre",
		"blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true) // with rel=noopener
	return p
}

// HTML is a text in Markdown as HTML. A line's end is one; pictures become links.
func HTML(text string) string {
	var b bytes.Buffer
	if err := markdown.Convert([]byte(text), &b); err != nil {
		return "" // a buffer takes everything
	}
	return string(policy.SanitizeBytes(b.Bytes()))
}

// Limits that keep rendering quick: it takes time by the square of these.
const (
	MaxNesting  = 30  // of quotes and lists that begin on one line
	MaxBrackets = 500 // opening ones, which a link has one of
)

var nested = regexp.MustCompile(`(?m)^(?:[ \t]*(?:>|[-*+]|\d+[.)])){31,}`)

// Check refuses what would take long to render, in words for who typed it.
func Check(text string) error {
	if nested.MatchString(text) {
		return fmt.Errorf("quotes and lists are nested more than %d deep on one line", MaxNesting)
	}
	if strings.Count(text, "[") > MaxBrackets {
		return fmt.Errorf("the text has more than %d links or brackets", MaxBrackets)
	}
	return nil
}

// pictures shows a picture as a link to it: a page that fetched it would tell
// somebody else who reads it, and when.
type pictures struct{}

func (pictures) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindImage, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			_, _ = w.WriteString(`<a href="`)
			_, _ = w.Write(util.EscapeHTML(util.URLEscape(n.(*ast.Image).Destination, true)))
			_, _ = w.WriteString(`">`)
			return ast.WalkContinue, nil
		}
		_, _ = w.WriteString("</a>")
		return ast.WalkContinue, nil
	})
}

// Plain is a text in Markdown as plain text, for mails: without the marks, links with
// their address behind them.
func Plain(source string) string {
	text := []byte(source)
	var b strings.Builder
	depth := 0
	line := func(s string) { b.WriteString(strings.Repeat("  ", max(0, depth-1)) + s) }
	_ = ast.Walk(markdown.Parser().Parse(gm.NewReader(text)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.List:
			if entering {
				depth++
			} else if depth--; depth == 0 {
				b.WriteString("\n")
			}
		case *ast.ListItem:
			if entering {
				line("- ")
			}
		case *ast.TextBlock:
			if !entering {
				b.WriteString("\n")
			}
		case *ast.Paragraph, *ast.Heading:
			if !entering {
				b.WriteString("\n")
				if depth == 0 {
					b.WriteString("\n")
				}
			}
		case *ast.ThematicBreak:
			if entering {
				b.WriteString("---\n\n")
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			if entering {
				for i := range n.Lines().Len() {
					l := n.Lines().At(i)
					b.Write(l.Value(text))
				}
				b.WriteString("\n")
			}
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if entering {
				b.Write(util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences(n.Value(text)))))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteString("\n")
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.Label(text))
			}
		case *ast.Link:
			if !entering {
				b.WriteString(" (" + string(n.Destination) + ")")
			}
		case *ast.Image:
			if !entering {
				b.WriteString(" (" + string(n.Destination) + ")")
			}
		case *extast.TableCell:
			if !entering {
				b.WriteString("\t")
			}
		case *extast.TableRow, *extast.TableHeader:
			if !entering {
				b.WriteString("\n")
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}
