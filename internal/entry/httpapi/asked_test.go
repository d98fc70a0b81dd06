package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clientele/internal/entry/httpapi"
)

// places are where the faults of a problem are, in order.
func places(p map[string]any) []string {
	var out []string
	faults, _ := p["errors"].([]any)
	for _, f := range faults {
		m := f.(map[string]any)
		if at, ok := m["parameter"].(string); ok {
			out = append(out, at)
		} else {
			out = append(out, fmt.Sprint(m["pointer"]))
		}
	}
	slices.Sort(out)
	return out
}

func TestWhatIsAtNoAddressIsAProblem(t *testing.T) {
	s := newShop(t)
	id := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/v2/contacts", 404, ""},
		{"GET", "/v1/contacts/" + id + "/horoscope", 404, ""},
		{"GET", "/v1//contacts", 404, ""},
		{"POST", "/v1/contacts//entries", 404, ""},
		{"GET", "/v1/contacts/..", 404, ""},
		{"GET", "/v1/contacts/a%0Ab", 404, ""},
		{"GET", "/v1/imports/a%0Ab", 404, ""}, // of another function: the gateway finds no route for a line break
		{"GET", "/v1/price", 405, "POST"},
		{"TRACE", "/v1/price", 405, "POST"},
		{"TRACE", "/v1/contacts/" + id, 405, "DELETE, GET, HEAD, PATCH"},
		{"DELETE", "/v1/contacts", 405, "GET, HEAD, POST"},
		{"PUT", "/v1/site", 405, "GET, HEAD, PATCH"},
		{"POST", "/v1/openapi.json", 405, "GET, HEAD"},
	} {
		w := s.do(tt.method, tt.path, "")
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %q %s", tt.method, tt.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
	if w := s.do("GET", "/favicon.ico", "", "Authorization", ""); w.Code != http.StatusNotFound {
		t.Errorf("an address that nothing is at asks for a credential: %d", w.Code)
	}
}

func TestParametersAreReadStrictly(t *testing.T) {
	s := newShop(t)
	id := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	for query, want := range map[string]string{
		"/v1/contacts?limit=":                                      "[query/limit]",
		"/v1/contacts?limit=3&limit=4":                             "[query/limit]",
		"/v1/contacts?limit=many":                                  "[query/limit]",
		"/v1/contacts?limit=0&limti=3&x=":                          "[query/limit query/limti query/x]",
		"/v1/contacts?cursor=%zz":                                  "[query]",
		"/v1/contacts/" + id + "/timeline?until=&since=yesterday":  "[query/since query/until]",
		"/v1/contacts/" + id + "/timeline?kind=":                   "[query/kind]",
		"/v1/contacts/" + id + "/timeline?kind=order&kind=&limit=": "[query/kind query/limit]",
		"/v1/contacts/" + id + "/avatar?size=":                     "[query/size]",
		"/v1/tags?limit=3":                                         "[query/limit]",
	} {
		if p := s.must(422, s.do("GET", query, "")); fmt.Sprint(places(p)) != want {
			t.Errorf("%s: told of %v, want %s: %v", query, places(p), want, p)
		}
	}
	s.must(200, s.do("GET", "/v1/contacts?cursor=", ""))
}

func TestAVersionMayBeSentAsItIsRead(t *testing.T) {
	s := newShop(t)
	at := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	for i, version := range []string{`"1"`, `2`, `W/"3"`, `"9", "4"`, ` 5 `, `*`} {
		if c := s.must(200, s.do("PATCH", at, fmt.Sprintf(`{"company":"v%d"}`, i), "If-Match", version)); c["version"] != float64(i+2) {
			t.Errorf("%s: version %v", version, c["version"])
		}
	}
	s.must(412, s.do("PATCH", at, `{"company":"x"}`, "If-Match", "3"))
	s.must(412, s.do("PATCH", at, `{"company":"x"}`, "If-Match", `"three"`))
	for _, version := range []string{"three", `"7`, "v7", `7"`, ","} {
		p := s.must(422, s.do("PATCH", at, `{"company":"x","birth_date":"gisteren"}`, "If-Match", version))
		if fmt.Sprint(places(p)) != "[/birth_date header/If-Match]" || !strings.Contains(fmt.Sprint(p["errors"]), `If-Match: "3"`) {
			t.Errorf("%s: %v", version, p)
		}
	}
}

// What to send is the version of what is changed, whatever it is.
func TestAMissingVersionNamesWhatItIsOf(t *testing.T) {
	e := newExemplary(t)
	c := e.contact()
	entry := "/v1/contacts/" + c + "/entries/" + e.made("/v1/contacts/"+c+"/entries", `{"text":"x"}`, "id")
	for path, what := range map[string]string{
		"/v1/contacts/" + c: "contact", entry: "note",
		"/v1/groups/" + e.made("/v1/groups", `{"name":"Schools"}`, "id"):          "group",
		"/v1/forms/" + e.made("/v1/forms", `{"name":"Spring"}`, "id"):             "form",
		"/v1/sources/" + e.made("/v1/sources", `{"kind":"own","name":"T"}`, "id"): "connection",
		"/v1/statuses/" + e.made("/v1/statuses", `{"name":"Guest"}`, "id"):        "list",
		"/v1/site": "site",
	} {
		w := e.call(e.api, e.owner, "PATCH", path, `{"name":"x"}`)
		if path == entry || strings.HasPrefix(path, "/v1/contacts") {
			w = e.call(e.api, e.owner, "PATCH", path, `{}`)
		}
		if w.Code != 428 || !strings.Contains(w.Body.String(), "ETag of the "+what+" ") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestAMessageWithoutAKeyIsToldEverything(t *testing.T) {
	s := newShop(t)
	at := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"phone":"06 12345678"}`))["id"].(string) + "/messages"
	p := s.must(422, s.do("POST", at, `{"subject":" ","text":"","reply_to":"me"}`))
	if fmt.Sprint(places(p)) != "[/reply_to /subject /text /to header/Idempotency-Key]" {
		t.Errorf("told of %v", p)
	}
}

func TestTooManyTriesSayHowLongToWait(t *testing.T) {
	o := newOffice(t)
	for range 30 {
		if w := o.call(o.api, "", "POST", "/v1/sign-in", `{"email":"x@b.example"}`); w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" || w.Header().Get("Retry-After") == "0" {
				t.Errorf("it does not say how long to wait: %v %s", w.Header(), w.Body)
			}
			return
		}
	}
	t.Error("there is no end to it")
}

// A body with wrong types, unknown fields, rules broken and parameters at fault is told
// of all of it in one answer, each at its place.
func TestAllFaultsAtOnce(t *testing.T) {
	e := newExemplary(t)
	c, g := e.contact(), e.made("/v1/groups", `{"name":"Schools"}`, "id")
	l := e.made("/v1/lists", `{"name":"News","texts":{"nl":"Ja."}}`, "id")
	for _, tt := range []struct{ call, body, want string }{
		{"POST /v1/contacts", `{"email":"a@b","group":"gr_none","birth_date":"gisteren","tags":["` + strings.Repeat("y", 101) + `"]}`,
			"[/birth_date /email /group /tags/0]"},
		{"POST /v1/contacts?x=1", `{"email":5,"emails":["a",7],"birth_date":"gisteren","voornaam":"Jan","address":{"street":3,"city":true},"website":"b c"}`,
			"[/address/city /address/street /birth_date /email /emails/0 /emails/1 /voornaam /website query/x]"},
		{"PATCH /v1/contacts/" + c, `{"group":"gr_none","website":"b c","email":"a@b"}`, "[/email /group /website]"},
		{"PATCH /v1/contacts/" + c, `{"company":7,"website":"b c"}`, "[/company /website]"},
		{"POST /v1/contacts/batch-create", `{"contacts":[{"email":"a@b","group":"gr_none"},{"first_name":"x"},{"phone":3,"website":"b c"}]}`,
			"[/contacts/0/email /contacts/1/email /contacts/2/phone /contacts/2/website]"},
		{"POST /v1/contacts/batch-create", `{"contacts":[{"email":"a@b","group":"gr_none"},{"first_name":"x"}]}`,
			"[/contacts/0/email /contacts/0/group /contacts/1/email]"},
		{"POST /v1/groups", `{"name":"","description":9,"percentage":5000,"prices":[{"product":"","amount":-1,"currency":"euro"}],"colour":"red"}`,
			"[/colour /description /name /percentage /prices/0/amount /prices/0/currency /prices/0/product]"},
		{"PATCH /v1/groups/" + g + "?dry=1", `{"name":"","percentage":1.234}`, "[/name /percentage query/dry]"},
		{"POST /v1/lists", `{"name":" ","channel":"pigeon","double_opt_in":"yes","texts":{"fr":"Oui."}}`, "[/channel /double_opt_in /name /texts/fr]"},
		{"PATCH /v1/lists/" + l, `{"name":3,"channel":"sms","texts":{"fr":"Oui."}}`, "[/channel /name /texts/fr]"},
		{"PATCH /v1/site", `{"name":5,"country":"Nederland en omstreken","language":"fr","max_tags":0,"automation":{"enabled":3,"disabled":["lunch"]}}`,
			"[/automation/disabled /automation/enabled /country /language /max_tags /name]"},
		{"POST /v1/statuses", `{"name":" ","colour":"red","order":1}`, "[/colour /name /order]"},
		{"POST /v1/custom-fields", `{"key":"Shoe size","label":"","type":"shoe"}`, "[/key /label /type]"},
		{"POST /v1/imports", `{"filename":"a.xlsx","size":"many","mapping":{"a":"shoe","b":"hat"},"options":{"existing":"burn","status":"x","tags":[1]}}`,
			"[/filename /mapping/a /mapping/b /options/existing /options/status /options/tags/0 /size]"},
		{"POST /v1/contacts/" + c + "/entries", `{"title":7,"text":"x","at":"2999-01-01T00:00:00Z","documents":"none"}`, "[/at /documents /title]"},
		{"POST /v1/contacts/" + c + "/messages", `{"subject":7,"text":" ","to":[]}`, "[/subject /text /to]"},
		{"POST /v1/contacts", `{"email":"x@b.example"} {`, "[]"},
	} {
		method, path, _ := strings.Cut(tt.call, " ")
		w := e.call(e.api, e.owner, method, path, tt.body, "If-Match", "*", "Idempotency-Key", "k", "Content-Type", "application/json")
		var p map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 422 && w.Code != 400 {
			t.Errorf("%s: %d %s", tt.call, w.Code, w.Body)
		}
		if got := fmt.Sprint(places(p)); got != tt.want && !(tt.want == "[]" && w.Code == 400) {
			t.Errorf("%s %s:\n told of %s\n    want %s\n%s", tt.call, tt.body, got, tt.want, w.Body)
		}
	}
}

// Whatever is sent, what is said of it is said in our words.
func TestTheFrameworksWordsStayInside(t *testing.T) {
	var e *exemplary
	foreign := regexp.MustCompile(`\b[Ee]xpected\b|unexpected|json:|unmarshal|Go struct|invalid (character|integer|float|boolean|date)|pattern \^|time\.|strconv|validation failed`)
	raw, err := httpapi.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters  []struct{ Name, In string }
			RequestBody *struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		at := ""
		for method, op := range doc.Paths[path] {
			bodies, query := []string{""}, []string{""}
			for _, p := range op.Parameters {
				if p.In == "query" {
					query = append(query, "?"+p.Name+"=x&"+p.Name+"=", "?"+p.Name+"=9e99", "?"+p.Name+"=-1")
				}
			}
			if op.RequestBody != nil {
				schema := op.RequestBody.Content["application/json"].Schema
				if ref, ok := schema["$ref"].(string); ok {
					schema = doc.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]]
				}
				bodies = append(bodies, `[]`, `7`, `{"a":`, `{"a":1}}`, "{\n\"a\" 1}", `{"unknown":1}`, `{}`)
				props, _ := schema["properties"].(map[string]any)
				for _, wrong := range []string{`{"x":[]}`, `"\u0000"`, `[{}]`, `1e99`, `99999999999999999999`, `-1.5`, `true`, `""`, `"x"`} {
					var all []string
					for _, name := range slices.Sorted(maps.Keys(props)) {
						all = append(all, fmt.Sprintf("%q:%s", name, wrong))
					}
					bodies = append(bodies, "{"+strings.Join(all, ",")+"}")
				}
			} else if len(query) == 1 {
				continue
			}
			if at == "" {
				e = newExemplary(t) // another site, as the limit of calls is another matter
				at = e.path(path)
			}
			for _, q := range query {
				for _, b := range bodies {
					if op.RequestBody != nil && b != "" || q != "" {
						asked++
						w := e.call(e.api, e.owner, strings.ToUpper(method), at+q, b, "If-Match", "*", "Idempotency-Key", fmt.Sprint("w", asked), "Content-Type", "application/json")
						var p struct {
							Detail string
							Errors []struct{ Detail string }
						}
						_ = json.Unmarshal(w.Body.Bytes(), &p)
						for _, f := range append(p.Errors, struct{ Detail string }{p.Detail}) {
							if w.Code >= 400 && foreign.MatchString(f.Detail) || w.Code >= 500 {
								t.Errorf("%s %s%s %s: %d %s", method, path, q, b, w.Code, f.Detail)
							}
						}
					}
				}
			}
		}
	}
	if asked < 700 {
		t.Errorf("only %d requests were sent", asked)
	}
}

// What a filter calls what the site does not have would match nobody, or everybody but nobody.
func TestAFilterNamesWhatThereIs(t *testing.T) {
	e := newExemplary(t)
	e.made("/v1/contacts", `{"email":"a@b.example","tags":["Vip"]}`, "id")
	e.made("/v1/statuses", `{"name":"Stamgast"}`, "id")
	g := e.made("/v1/groups", `{"name":"Horeca"}`, "id")
	e.made("/v1/lists", `{"name":"Nieuws","texts":{"nl":"Ja."}}`, "id")
	e.made("/v1/tags", `{"name":"spring"}`, "id")
	for filter, says := range map[string]string{
		`status = nope`:                     `there is no status "nope"; there are lead, customer, vip, inactive, Stamgast`,
		`NOT status:nop`:                    `there is no status "nop"; there are`,
		`city:utrecht AND group = Hoteca`:   `there is no customer group "Hoteca"; there are Horeca`,
		`list:news`:                         `there is no newsletter list "news"; there are Nieuws`,
		`-tags:vips`:                        `there is no tag "vips"; there are spring, Vip`,
		`consent = subscribd`:               `there is no consent "subscribd"; there are never, pending`,
		`status = 'lead'`:                   `put the text in double quotes`,
		`city = 'New York'`:                 `put the text in double quotes`,
		`(status = lead OR tags:'no show')`: `put the text in double quotes`,
	} {
		for _, at := range []string{"/v1/exports", "/v1/bulk/preview", "/v1/bulk"} {
			body, _ := json.Marshal(map[string]any{"filter": filter, "action": "add_tags", "arguments": map[string]any{"tags": []string{"x"}}})
			if at == "/v1/exports" {
				body, _ = json.Marshal(map[string]any{"filter": filter})
			}
			status, said := e.send("POST", at, string(body), "*")
			if status != 422 || !strings.Contains(strings.ReplaceAll(said, `\"`, `"`), says) || !strings.Contains(said, `"pointer":"/filter"`) {
				t.Errorf("%s: %s: %d %s", at, filter, status, said)
			}
		}
	}
	for _, filter := range []string{`status = STAMGAST`, `status:cust`, `group = ""`, `group = ` + g, `group:hor`, `NOT group:*`, `list:NIEUWS`, `list:*`, `tags:vip`, `tags:SPRING`, `consent:subs`,
		`city = 's-Hertogenbosch`, `city:'s-Hertogenbosch AND last_name = "O'"`, `'t OR "'t"`} {
		body, _ := json.Marshal(map[string]any{"filter": filter})
		if status, said := e.send("POST", "/v1/exports", string(body), "*"); status != 202 {
			t.Errorf("%s: %d %s", filter, status, said)
		}
	}
	status, said := e.send("POST", "/v1/exports", `{"filter":"status = nope AND tags:none","columns":["hat"],"ids":["x"]}`, "*")
	var p map[string]any
	if _ = json.Unmarshal([]byte(said), &p); status != 422 || fmt.Sprint(places(p)) != "[/columns/0 /filter /filter /filter /ids/0]" {
		t.Errorf("%d %s", status, said)
	}
}
