package httpapi

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
)

// asked is what was found at fault in a request so far. The framework checks what
// the schemas say, this file what it lets through; they are told in one answer.
type asked struct {
	faults crm.Faults
	check  func() error // the rules for the body, if they need nothing but it
}

const askedKey ctxKey = 200

func askedOf(ctx context.Context) *asked {
	a, _ := ctx.Value(askedKey).(*asked)
	return a
}

// lookOver finds the faults of an operation's parameters before the body is read.
func lookOver(ctx huma.Context, next func(huma.Context)) {
	a, u := &asked{}, ctx.URL()
	a.faults = append(checkQuery(ctx.Operation(), u.RawQuery), checkIfMatch(ctx.Operation(), ctx.Header("If-Match"))...)
	next(huma.WithValue(ctx, askedKey, a))
}

// checkQuery refuses parameters that the operation does not have, those given twice, and
// empty ones where an empty text says nothing.
func checkQuery(op *huma.Operation, raw string) (faults crm.Faults) {
	given, err := url.ParseQuery(raw)
	if err != nil {
		faults.Add("query", "the part behind the ? cannot be read: write %%, & and ; of a value as %%25, %%26 and %%3B")
	}
	known := map[string]*huma.Param{}
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			known[p.Name] = p
			names = append(names, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, values := known[name], given[name]
		switch {
		case p == nil && len(names) == 0:
			faults.Add("query/"+name, "this takes no parameters behind the ?; leave it out")
		case p == nil:
			faults.Add("query/"+name, "there is no such parameter; there are %s", strings.Join(names, ", "))
		case p.Schema.Type == huma.TypeArray:
			if slices.Contains(values, "") {
				faults.Add("query/"+name, "it is empty; give a value or leave it out")
			}
		case len(values) > 1:
			faults.Add("query/"+name, "it is given %d times; give it once", len(values))
		case values[0] == "" && !mayBeEmpty(p.Schema):
			faults.Add("query/"+name, "it is empty; give a value or leave it out")
		}
	}
	return faults
}

// mayBeEmpty reports whether an empty text is one that a parameter takes.
func mayBeEmpty(s *huma.Schema) bool {
	return s.Type == huma.TypeString && s.Format == "" && len(s.Enum) == 0 && s.MinLength == nil
}

func checkIfMatch(op *huma.Operation, v string) (faults crm.Faults) {
	if v == "" || !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "header" && p.Name == "If-Match" }) {
		return nil
	}
	if _, ok := entityTags(v); !ok {
		faults.Add("header/If-Match", `write the ETag as it was given, in its double quotes, for example If-Match: "3"; or * for any version`)
	}
	return faults
}

// entityTags reads the value of If-Match or If-None-Match, RFC 9110 §8.8.3; "*" stays. Versions
// without quotes are taken as well: whoever reads "version": 3 sends 3.
func entityTags(v string) (tags []string, ok bool) {
	for v = strings.Trim(v, ", \t"); v != ""; v = strings.TrimLeft(v, ", \t") {
		weak := strings.TrimPrefix(v, "W/")
		if rest, quoted := strings.CutPrefix(weak, `"`); quoted {
			tag, after, closed := strings.Cut(rest, `"`)
			if !closed || after != "" && !strings.ContainsAny(after[:1], ", \t") {
				return nil, false
			}
			tags, v = append(tags, `"`+tag+`"`), after
			continue
		}
		end := strings.IndexAny(v, ", \t")
		if end < 0 {
			end = len(v)
		}
		word := v[:end]
		switch {
		case word == "*":
			tags = append(tags, word)
		case strings.Trim(word, "0123456789") == "":
			tags = append(tags, `"`+word+`"`)
		default:
			return nil, false
		}
		v = v[end:]
	}
	return tags, len(tags) > 0
}

// all gives every fault that is known of the request: those of the parameters, those that the schemas
// told, and where there are any those of the rules for the body, as far as they are about something else.
func (a *asked) all(told []ProblemFault) []ProblemFault {
	if a == nil {
		return told
	}
	out := slices.Clone(told)
	for _, f := range a.faults {
		pf := problemFault(f)
		if !slices.ContainsFunc(out, func(o ProblemFault) bool { return o.Parameter != "" && o.Parameter == pf.Parameter }) {
			out = append(out, pf)
		}
	}
	if len(out) == 0 || a.check == nil {
		return out
	}
	var e *crm.Error
	if errors.As(a.check(), &e) && e.Code == crm.Invalid {
		bodyTold := slices.ContainsFunc(told, func(o ProblemFault) bool { return o.Parameter == "" })
		for _, f := range e.Faults {
			if pf := problemFault(f); !(bodyTold && follows(pf.Pointer, told)) {
				out = append(out, pf)
			}
		}
	}
	return out
}

// follows reports whether a fault at a place may come of one that was told: at
// the same place, within it or around it.
func follows(pointer string, told []ProblemFault) bool {
	return slices.ContainsFunc(told, func(o ProblemFault) bool {
		return o.Parameter == "" && (strings.HasPrefix(pointer+"/", o.Pointer+"/") || strings.HasPrefix(o.Pointer+"/", pointer+"/"))
	})
}

// checkLater keeps the rules for a body, for an answer that tells faults anyway.
func checkLater(ctx huma.Context, check func(caller) error) []error {
	if a := askedOf(ctx.Context()); a != nil {
		a.check = func() error { return check(callerOf(ctx.Context())) }
	}
	return nil
}

// invalid is the problem of the faults that were found before the handler, nil without any.
func (a *asked) invalid(ctx context.Context) *Problem {
	if a == nil || len(a.faults) == 0 {
		return nil
	}
	k := kinds[crm.Invalid]
	p := &Problem{Type: "/problems/" + string(crm.Invalid), Title: k.title, Status: k.status, Errors: a.all(nil), RequestID: requestID(ctx)}
	p.told()
	return p
}
