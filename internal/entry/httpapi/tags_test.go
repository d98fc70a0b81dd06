package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/site"
	"clientele/internal/domain/tag"
	"clientele/internal/entry/httpapi"
	"clientele/internal/test/dynamotest"
)

func (s *shop) person(body string) string {
	s.t.Helper()
	return "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", body))["id"].(string)
}

// uses lists the tags as "name colour uses".
func (s *shop) uses() (out []string, ids map[string]string) {
	s.t.Helper()
	ids = map[string]string{}
	for _, v := range s.must(200, s.do("GET", "/v1/tags", ""))["tags"].([]any) {
		t := v.(map[string]any)
		out = append(out, strings.Join(strings.Fields(fmt.Sprint(t["name"], " ", t["colour"], " ", t["uses"])), " "))
		ids[t["name"].(string)] = "/v1/tags/" + t["id"].(string)
	}
	return out, ids
}

func (s *shop) hasUses(want string) map[string]string {
	s.t.Helper()
	got, ids := s.uses()
	if fmt.Sprint(got) != want {
		s.t.Errorf("tags %v, want %s", got, want)
	}
	return ids
}

func TestTagsAreCountedRenamedMergedAndRemoved(t *testing.T) {
	s := newShop(t)
	a := s.person(`{"email":"a@b.example","tags":["Straße","vip"]}`)
	b := s.person(`{"email":"b@b.example","tags":["STRASSE","Été","Stamgast"]}`)
	s.person(`{"email":"c@b.example","tags":["E\u0301TE\u0301"]}`)
	s.must(201, s.do("POST", "/v1/tags", `{"name":"  VIP ","colour":"#B7791F"}`))
	s.must(201, s.do("POST", "/v1/tags", `{"name":"later"}`))
	ids := s.hasUses("[STRASSE 2 E\u0301TE\u0301 2 Stamgast 1 VIP #b7791f 1 later 0]")

	// A colour alone changes no contact.
	if out := s.must(200, s.do("PATCH", ids["Stamgast"], `{"colour":"#2c7a7b"}`, "If-Match", "*")); out["colour"] != "#2c7a7b" || out["job"] != nil {
		t.Errorf("coloured %v", out)
	}
	// A rename keeps the place among the others.
	out := s.must(202, s.do("PATCH", ids["STRASSE"], `{"name":"Street"}`, "If-Match", "*"))
	s.drain()
	if j := s.must(200, s.do("GET", "/v1/bulk/"+out["job"].(string), "")); j["action"] != "rename_tag" || fmt.Sprint(j["counts"]) != "map[changed:2 done:2 failed:0 skipped:0]" {
		t.Errorf("job %v", j)
	}
	if c := s.must(200, s.do("GET", a, "")); fmt.Sprint(c["tags"]) != "[Street vip]" {
		t.Errorf("tags %v", c["tags"])
	}
	// Onto a tag that is there: the two are one, with its colour.
	out = s.must(202, s.do("PATCH", ids["Stamgast"], `{"name":"vip"}`, "If-Match", "*"))
	if out["colour"] != "#b7791f" {
		t.Errorf("merged %v", out)
	}
	s.drain()
	ids = s.hasUses("[Street 2 vip #b7791f 2 E\u0301TE\u0301 2 later 0]")
	s.must(202, s.do("DELETE", ids["E\u0301TE\u0301"], "", "If-Match", "*"))
	s.drain()
	s.must(202, s.do("DELETE", ids["later"], "", "If-Match", "*"))
	s.drain()
	s.hasUses("[Street 2 vip #b7791f 2]")
	if c := s.must(200, s.do("GET", b, "")); fmt.Sprint(c["tags"]) != "[Street vip]" {
		t.Errorf("tags %v", c["tags"])
	}
	s.must(404, s.do("DELETE", ids["later"], "", "If-Match", "*"))
	s.must(404, s.do("PATCH", "/v1/tags/tg_x", `{"colour":null}`))
	s.must(422, s.do("PATCH", ids["vip"], `{"colour":"red"}`, "If-Match", "*"))
	s.must(422, s.do("PATCH", ids["vip"], `{"name":"`+strings.Repeat("x", 101)+`"}`, "If-Match", "*"))
	s.must(422, s.do("POST", "/v1/tags", `{"name":" "}`))
}

func TestTagsOfAContactAreChangedWithoutTouchingTheOthers(t *testing.T) {
	s := newShop(t)
	at := s.person(`{"email":"a@b.example","tags":["one","two"]}`)
	c := s.must(200, s.do("POST", at+"/tags", `{"add":["Three","ONE","four"],"remove":["Two","four","five"]}`))
	if fmt.Sprint(c["tags"], c["version"]) != "[one Three] 2" || c["locked"] != nil {
		t.Errorf("tags %v", c)
	}
	if c = s.must(200, s.do("POST", at+"/tags", `{"add":["THREE"]}`)); c["version"] != 2.0 {
		t.Errorf("nothing changed, and yet %v", c["version"])
	}
	acts := s.must(200, s.do("GET", at+"/timeline", ""))["activities"].([]any)
	if a := acts[0].(map[string]any); a["kind"] != "tags" || len(a["values"].([]any)) != 2 {
		t.Errorf("timeline %v", acts)
	}
	s.must(422, s.do("POST", at+"/tags", `{"add":[" "]}`))
	s.must(404, s.do("POST", "/v1/contacts/ct_00000000000000000000000000/tags", `{"add":["x"]}`))
}

// A tag that has its name again is changed at its version alone, whatever a renaming of
// before left to do.
func TestATagThatIsNamedBackIsChangedAtItsVersion(t *testing.T) {
	s := newShop(t)
	a := "/v1/tags/" + s.must(201, s.do("POST", "/v1/tags", `{"name":"A","colour":"#2c7a7b"}`))["id"].(string)
	who := s.person(`{"email":"a@b.example","tags":["A"]}`)
	out := s.must(202, s.do("PATCH", a, `{"name":"B"}`, "If-Match", "*"))
	b := "/v1/tags/" + out["id"].(string)
	s.must(200, s.do("POST", "/v1/bulk/"+out["job"].(string)+"/cancel", ""))
	s.must(202, s.do("PATCH", b, `{"name":"A","colour":"#2c7a7b"}`, "If-Match", "*"))
	s.drain()
	jobs := len(s.must(200, s.do("GET", "/v1/bulk", ""))["bulk"].([]any))
	s.must(412, s.do("PATCH", a, `{"name":"B"}`, "If-Match", `"99"`))
	s.drain()
	if c := s.must(200, s.do("GET", who, "")); fmt.Sprint(c["tags"]) != "[A]" {
		t.Errorf("the contact has %v", c["tags"])
	}
	s.hasUses("[A #2c7a7b 1]")
	if now := len(s.must(200, s.do("GET", "/v1/bulk", ""))["bulk"].([]any)); now != jobs {
		t.Errorf("a change that was refused started %d jobs", now-jobs)
	}
	// At its version it is renamed as ever.
	s.must(202, s.do("PATCH", a, `{"name":"B"}`, "If-Match", s.do("GET", a, "").Header().Get("ETag")))
	s.drain()
	s.hasUses("[B 1]")
}

// What a job that was cancelled left to do is taken up by one other job, however often it is asked for.
func TestACancelledRenamingIsTakenUpByOneJob(t *testing.T) {
	for name, c := range map[string]struct{ method, body, want string }{
		"another name":    {"PATCH", `{"name":"Regular"}`, "[Regular]"},
		"other letters":   {"PATCH", `{"name":"vip"}`, "[vip]"},
		"removed at last": {"DELETE", "", "[]"},
	} {
		s := newShop(t)
		at := "/v1/tags/" + s.must(201, s.do("POST", "/v1/tags", `{"name":"VIP"}`))["id"].(string)
		who := s.person(`{"email":"a@b.example","tags":["VIP"]}`)
		first := s.must(202, s.do(c.method, at, c.body, "If-Match", `"1"`))["job"].(string)
		s.must(200, s.do("POST", "/v1/bulk/"+first+"/cancel", ""))
		second := s.must(202, s.do(c.method, at, c.body, "If-Match", `"1"`))["job"].(string)
		third := s.must(202, s.do(c.method, at, c.body, "If-Match", `"1"`))["job"].(string)
		if second == first || third != second {
			t.Errorf("%s: the jobs are %s, %s, %s", name, first, second, third)
		}
		if n := len(s.must(200, s.do("GET", "/v1/bulk", ""))["bulk"].([]any)); n != 2 {
			t.Errorf("%s: %d jobs", name, n)
		}
		s.drain()
		if c2 := s.must(200, s.do("GET", who, "")); fmt.Sprint(c2["tags"]) != c.want {
			t.Errorf("%s: the contact has %v, want %s", name, c2["tags"], c.want)
		}
	}
}

// outpaced is a book in which somebody changes a tag right before one is stored.
type outpaced struct {
	httpapi.ContactBook
	first *func()
}

func (o outpaced) ChangeTag(ctx context.Context, name string, rule func(*tag.Tag) error, log ...audit.Entry) (tag.Tag, error) {
	if f := *o.first; f != nil {
		*o.first = nil
		f()
	}
	return o.ContactBook.ChangeTag(ctx, name, rule, log...)
}

func TestAColourThatSomebodyGaveMeanwhileStays(t *testing.T) {
	s := newShop(t)
	var first func()
	s.api = httpapi.Contacts(s.table, func(x site.Site) httpapi.ContactBook { return outpaced{s.table.Book(x), &first} }, s.jobs, s.files, time.Now, "")
	at := "/v1/tags/" + s.must(201, s.do("POST", "/v1/tags", `{"name":"VIP"}`))["id"].(string)
	first = func() { s.must(200, s.do("PATCH", at, `{"colour":"#111111"}`, "If-Match", `"1"`)) }
	s.must(412, s.do("PATCH", at, `{"colour":"#222222"}`, "If-Match", `"1"`))
	if now := s.must(200, s.do("GET", at, "")); now["colour"] != "#111111" || now["version"] != 2.0 {
		t.Errorf("the tag is %v", now)
	}
	// One that is removed meanwhile stays so, whatever version is meant.
	for _, version := range []string{`"2"`, "*"} {
		first = func() { s.must(202, s.do("DELETE", at, "", "If-Match", "*")) }
		if w := s.do("PATCH", at, `{"colour":"#333333"}`, "If-Match", version); w.Code != 412 && w.Code != 404 {
			t.Errorf("answer %d: %s", w.Code, w.Body)
		}
		s.drain()
		s.hasUses("[]")
		s.must(201, s.do("POST", "/v1/tags", `{"name":"VIP","colour":"#111111"}`))
		s.must(200, s.do("PATCH", at, `{"colour":"#444444"}`, "If-Match", "*"))
	}
}

// Writers side by side each add their own tag, and none is lost.
func TestTagsOfManyWritersAllStay(t *testing.T) {
	s := newShop(t)
	at := s.person(`{"email":"a@b.example"}`)
	done := make(chan int)
	for i := range 12 {
		go func() { done <- s.do("POST", at+"/tags", fmt.Sprintf(`{"add":["t%d"]}`, i)).Code }()
	}
	for range 12 {
		if code := <-done; code != 200 {
			t.Errorf("answer %d", code)
		}
	}
	if c := s.must(200, s.do("GET", at, "")); len(c["tags"].([]any)) != 12 || c["version"] != 13.0 {
		t.Errorf("tags %v at version %v", c["tags"], c["version"])
	}
	got, _ := s.uses()
	if len(got) != 12 {
		t.Errorf("tags %v", got)
	}
}

func TestASiteLimitsTheTagsOfAContact(t *testing.T) {
	s := newShop(t)
	tags := func(n int) string {
		return `["t` + strings.Join(strings.Split(fmt.Sprint(make([]int, n)), " "), `","t`) + `"]`
	}
	_ = tags
	list := func(n int) string {
		var b []string
		for i := range n {
			b = append(b, fmt.Sprintf(`"t%d"`, i))
		}
		return "[" + strings.Join(b, ",") + "]"
	}
	at := s.person(`{"email":"a@b.example","tags":` + list(50) + `}`)
	s.must(422, s.do("POST", "/v1/contacts", `{"email":"b@b.example","tags":`+list(51)+`}`))
	s.must(422, s.do("POST", at+"/tags", `{"add":["more"]}`))
	s.must(200, s.do("POST", at+"/tags", `{"add":["more"],"remove":["t0"]}`))
	s.settings(func(x *siteSettings) { x.MaxTags = 2 })
	// What it has, it keeps, and may have less of.
	s.must(422, s.do("POST", at+"/tags", `{"add":["x"],"remove":["t1"]}`))
	s.must(200, s.do("POST", at+"/tags", `{"remove":["t1"]}`))
	s.must(200, s.do("PATCH", at, `{"tags":`+list(49)+`}`, "If-Match", "*"))
	s.must(422, s.do("PATCH", at, `{"tags":`+list(50)+`}`, "If-Match", "*"))
}

func TestTheHospitalityPresetHasEightTagsAndNineAContact(t *testing.T) {
	s := newShop(t)
	s.must(201, s.do("POST", "/v1/tags", `{"name":"vip","colour":"#000000"}`))
	for range 2 {
		out := s.must(200, s.do("POST", "/v1/tags/preset", `{"preset":"hospitality"}`))
		if out["max_per_contact"] != 9.0 || len(out["tags"].([]any)) != 8 {
			t.Errorf("preset %v", out)
		}
	}
	s.hasUses("[Influencer #b83280 0 Lokaal #2f855a 0 No-show #c53030 0 Probleemgeval #c05621 0 Regelmatig #2c7a7b 0 vip #000000 0 Vrienden & Familie #2b6cb0 0 Zakelijk #4a5568 0]")
	s.must(422, s.do("POST", "/v1/contacts", `{"email":"b@b.example","tags":["1","2","3","4","5","6","7","8","9","10"]}`))
	e := newShop(t)
	e.settings(func(s *siteSettings) { s.Language = "en" })
	if got, _ := e.uses(); len(got) != 0 {
		t.Errorf("tags %v", got)
	}
	e.must(200, e.do("POST", "/v1/tags/preset", `{"preset":"hospitality"}`))
	e.hasUses("[Business #4a5568 0 Friends & Family #2b6cb0 0 Influencer #b83280 0 Local #2f855a 0 No-show #c53030 0 Problem case #c05621 0 Regular #2c7a7b 0 VIP #b7791f 0]")
}

func TestGroupsAreMadeJoinedPricedAndDeleted(t *testing.T) {
	s := newShop(t)
	at := s.person(`{"email":"a@b.example","external_ids":["shop:1"]}`)
	w := s.do("POST", "/v1/groups", `{"name":"Horeca","percentage":-12.5,"prices":[{"product":"BREAD","amount":200,"currency":"EUR"}]}`)
	g := s.must(201, w)
	group, id := w.Header().Get("Location"), g["id"].(string)
	if g["percentage"] != -12.5 || w.Header().Get("ETag") != `"1"` {
		t.Errorf("made %v", g)
	}
	s.must(422, s.do("PATCH", at, `{"group":"gr_none"}`, "If-Match", "*"))
	if c := s.must(200, s.do("PATCH", at, `{"group":"`+id+`"}`, "If-Match", "*")); c["group"] != id || !locksTheGroupAlone(c) {
		t.Errorf("joined %v", c)
	}
	s.must(201, s.do("POST", "/v1/contacts", `{"email":"b@b.example","group":"`+id+`"}`))
	s.must(422, s.do("POST", "/v1/contacts", `{"email":"c@b.example","group":"gr_none"}`))
	c := s.person(`{"email":"c@b.example"}`)
	s.must(422, s.do("POST", "/v1/bulk", `{"action":"set_group","arguments":{"group":"gr_none"},"all":true}`))
	s.must(202, s.do("POST", "/v1/bulk", `{"action":"set_group","arguments":{"group":"`+id+`"},"filter":"NOT group:*"}`))
	s.drain()
	if k := s.must(200, s.do("GET", c, "")); k["group"] != id || !locksTheGroupAlone(k) {
		t.Errorf("joined by bulk %v", k)
	}

	price := func(who, currency string) string {
		p := s.must(200, s.do("POST", "/v1/price", `{`+who+`"items":[{"sku":"BREAD","unit_price":{"amount":300,"currency":"`+currency+`"},"quantity":2},{"product_id":"9","unit_price":{"amount":99,"currency":"`+currency+`"},"quantity":3}]}`))
		out := ""
		for _, l := range p["lines"].([]any) {
			l := l.(map[string]any)
			out += fmt.Sprint(l["rule"], " ", l["unit_price"].(map[string]any)["amount"], " ", l["total"].(map[string]any)["amount"], ", ")
		}
		return out + fmt.Sprint(p["total"].(map[string]any)["amount"], " of ", p["list_total"].(map[string]any)["amount"])
	}
	for who, want := range map[string]string{
		`"email":"A@b.example",`:                            "fixed 200 400, percentage 87 261, 661 of 897",
		`"external_id":"shop:1",`:                           "fixed 200 400, percentage 87 261, 661 of 897",
		`"contact_id":"` + at[len("/v1/contacts/"):] + `",`: "fixed 200 400, percentage 87 261, 661 of 897",
		`"email":"nobody@b.example",`:                       "list 300 600, list 99 297, 897 of 897",
		`"email":"no address",`:                             "list 300 600, list 99 297, 897 of 897",
		`"contact_id":"x",`:                                 "list 300 600, list 99 297, 897 of 897",
		``:                                                  "list 300 600, list 99 297, 897 of 897",
	} {
		if got := price(who, "EUR"); got != want {
			t.Errorf("%s pays %s, want %s", who, got, want)
		}
	}
	for _, hostile := range []string{`"external_id":"shop:1' OR 1=1",`, `"external_id":"shop",`, `"external_id":":",`, `"email":"a@b.example\u0000",`, `"email":"=cmd|'/c'!A1@b.example",`, `"contact_id":"ct_\u0000",`} {
		if got := price(hostile, "EUR"); got != "list 300 600, list 99 297, 897 of 897" {
			t.Errorf("%s pays %s", hostile, got)
		}
	}
	for _, two := range []string{`"email":"a@b.example","external_id":"shop:1"`, `"email":"a@b.example","contact_id":"x"`, `"external_id":"shop:1","contact_id":"x"`, `"external_id":"` + strings.Repeat("x", 301) + `"`} {
		s.must(422, s.do("POST", "/v1/price", `{`+two+`,"items":[{"sku":"BREAD","unit_price":{"amount":300,"currency":"EUR"},"quantity":2}]}`))
	}
	for _, item := range []string{`"quantity":1e18`, `"quantity":-1`, `"quantity":1.5`, `"quantity":0`} {
		s.must(422, s.do("POST", "/v1/price", `{"items":[{"sku":"BREAD","unit_price":{"amount":300,"currency":"EUR"},`+item+`}]}`))
	}
	if got := price(`"email":"a@b.example",`, "USD"); got != "percentage 263 526, percentage 87 261, 787 of 897" {
		t.Errorf("in dollars %s", got)
	}
	s.must(422, s.do("POST", "/v1/price", `{"email":"a@b.example","contact_id":"x","items":[]}`))

	if l := s.must(200, s.do("GET", "/v1/groups", ""))["groups"].([]any); len(l) != 1 || l[0].(map[string]any)["members"] != 3.0 {
		t.Errorf("groups %v", l)
	}
	seen, cursor := map[string]bool{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		m := s.must(200, s.do("GET", group+"/contacts?limit=2&cursor="+cursor, ""))
		for _, r := range m["contacts"].([]any) {
			seen[r.(map[string]any)["email"].(string)] = true
		}
		cursor = m["next_cursor"].(string)
	}
	if len(seen) != 3 {
		t.Errorf("members %v", seen)
	}
	s.must(428, s.do("PATCH", group, `{"percentage":5}`))
	s.must(412, s.do("PATCH", group, `{"percentage":5}`, "If-Match", `"7"`))
	s.must(422, s.do("PATCH", group, `{"percentage":5.123}`, "If-Match", `"1"`))
	if g := s.must(200, s.do("PATCH", group, `{"percentage":5.05,"prices":null}`, "If-Match", `"1"`)); g["percentage"] != 5.05 || g["version"] != 2.0 || g["name"] != "Horeca" {
		t.Errorf("changed %v", g)
	}
	if got := price(`"email":"a@b.example",`, "EUR"); got != "percentage 315 630, percentage 104 312, 942 of 897" {
		t.Errorf("with a surcharge %s", got)
	}

	// A plan without groups: what is there stays readable, and the checkout goes on at list prices.
	s.settings(func(s *siteSettings) { s.Plan = "business" })
	p := s.must(403, s.do("POST", "/v1/groups", `{"name":"x"}`))
	if p["plan"] != "pro" {
		t.Errorf("problem %v", p)
	}
	s.must(403, s.do("PATCH", group, `{"name":"y"}`, "If-Match", `"2"`))
	s.must(403, s.do("POST", "/v1/contacts", `{"email":"d@b.example","group":"`+id+`"}`))
	s.must(403, s.do("POST", "/v1/bulk", `{"action":"set_group","arguments":{"group":"`+id+`"},"all":true}`))
	s.must(200, s.do("GET", group, ""))
	if got := price(`"email":"a@b.example",`, "EUR"); !strings.HasPrefix(got, "list") {
		t.Errorf("without the plan %s", got)
	}

	// Deleted, it frees its members and nothing else.
	j := s.must(202, s.do("DELETE", group, "", "If-Match", "*"))
	s.must(404, s.do("GET", group, ""))
	s.drain()
	if j = s.must(200, s.do("GET", "/v1/bulk/"+j["id"].(string), "")); fmt.Sprint(j["state"], j["counts"]) != "donemap[changed:3 done:3 failed:0 skipped:0]" {
		t.Errorf("job %v", j)
	}
	if k := s.must(200, s.do("GET", at, "")); k["group"] != "" || k["email"] != "a@b.example" || k["locked"] != nil {
		t.Errorf("freed %v", k)
	}
	s.must(404, s.do("DELETE", group, "", "If-Match", "*"))
}

// locksTheGroupAlone: who chose a group has said nothing of the other details.
func locksTheGroupAlone(c map[string]any) bool {
	l, _ := c["locked"].(map[string]any)
	f, _ := l["fields"].(map[string]any)
	return l["all"] == false && len(f) == 1 && f["group"] != nil
}

// A file's group for somebody whose group was chosen is an offer; one that is deleted
// meanwhile, or that the plan no longer has, cannot be taken over.
func TestAnOfferedGroupIsTakenOnlyWhileItIsThere(t *testing.T) {
	s := newShop(t)
	at := s.person(`{"email":"a@b.example"}`)
	var ids []string
	for _, name := range []string{"Gekozen", "Aangeboden", "Weg"} {
		ids = append(ids, s.must(201, s.do("POST", "/v1/groups", `{"name":"`+name+`"}`))["id"].(string))
	}
	s.must(200, s.do("PATCH", at, `{"group":"`+ids[0]+`"}`, "If-Match", "*"))
	s.says("a@b.example", contact.Details{Group: ids[2]})
	s.must(202, s.do("DELETE", "/v1/groups/"+ids[2], "", "If-Match", "*"))
	s.must(422, s.do("POST", at+"/take-offers", `{"fields":["group"]}`, "If-Match", "*"))
	s.says("a@b.example", contact.Details{Group: ids[1]})
	s.settings(func(s *siteSettings) { s.Plan = "business" })
	s.must(422, s.do("POST", at+"/take-offers", `{"fields":["group"]}`, "If-Match", "*"))
	s.settings(func(s *siteSettings) { s.Plan = "ecommerce" })
	if c := s.must(200, s.do("POST", at+"/unlock", `{"take_offers":true}`, "If-Match", "*")); c["group"] != ids[1] || c["locked"] != nil {
		t.Errorf("unlocked with its offer: %v", c)
	}
	if kinds := s.must(200, s.do("GET", at+"/timeline?kind=group", ""))["activities"].([]any); len(kinds) != 2 {
		t.Errorf("the timeline tells of %v", kinds)
	}
}

func TestAShopKeyPricesAndDoesNothingElse(t *testing.T) {
	s := newShop(t)
	till := shopOn(t, s.table, dynamotest.Site(t, s.table, "kiosk"), site.Prices)
	till.must(200, till.do("POST", "/v1/price", `{"items":[{"sku":"a","unit_price":{"amount":1,"currency":"EUR"},"quantity":1}]}`))
	till.must(403, till.do("GET", "/v1/groups", ""))
	till.must(403, till.do("GET", "/v1/contacts", ""))
	till.must(403, till.do("POST", "/v1/tags", `{"name":"x"}`))
}

// endless is a book whose rows have no end.
type endless struct {
	httpapi.ContactBook
	read *int
}

func (e endless) EachRow(_ context.Context, visit func(contact.Row) error) error {
	for n := 0; n < 1_000_000; n++ {
		*e.read++
		if err := visit(contact.Row{Status: contact.Lead, Tags: []string{"regular"}}); err != nil {
			return err
		}
	}
	return errors.New("the whole book was read")
}

func (e endless) EachWhole(ctx context.Context, visit func(contact.Row) error) error {
	return e.EachRow(ctx, visit)
}

// However large a book is, a request reads a part of it, and says so where it counts.
func TestNoRequestReadsABookWithoutABound(t *testing.T) {
	s := newShop(t)
	read := 0
	group := "/v1/groups/" + s.must(201, s.do("POST", "/v1/groups", `{"name":"Horeca"}`))["id"].(string)
	list := "/v1/lists/" + s.must(201, s.do("POST", "/v1/lists", `{"name":"News"}`))["id"].(string)
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"hat","label":"Hat","type":"text"}`))
	s.api = httpapi.Contacts(s.table, func(x site.Site) httpapi.ContactBook { return endless{s.table.Book(x), &read} }, s.jobs, s.files, time.Now, "")
	const unknown = "/v1/tags/tg_00000000000000000000000000"
	for _, c := range []struct {
		method, at, body string
		status, most     int
		says             string
	}{
		{"GET", "/v1/statuses", "", 200, 0, `"id":"lead"`},
		{"GET", "/v1/statuses?count=true", "", 200, 100_001, `"counted_all":false`},
		{"GET", "/v1/tags", "", 200, 100_001, `"counted_all":false`},
		{"GET", "/v1/groups", "", 200, 100_001, `"counted_all":false`},
		{"GET", group, "", 200, 100_001, `"members":0`},
		{"POST", list + "/preview-deletion", "", 200, 100_001, `"counted_all":false`},
		{"GET", unknown, "", 404, 100_001, "among the first 100000 contacts"},
		{"PATCH", unknown, `{"name":"x"}`, 404, 100_001, "among the first 100000 contacts"},
		{"DELETE", unknown, "", 404, 100_001, "among the first 100000 contacts"},
		{"POST", "/v1/bulk/preview", `{"action":"delete","all":true}`, 200, 100_001, `"counted_all":false`},
		{"POST", "/v1/bulk/preview", `{"action":"delete","filter":"custom.hat = x"}`, 200, 25_001, `"counted_all":false`},
		// A tag may be at a contact that was not looked at.
		{"POST", "/v1/bulk/preview", `{"action":"delete","filter":"tags:seldom AND tags:never"}`, 200, 120_002, `"counted_all":false`},
		{"POST", "/v1/bulk", `{"action":"clear_group","filter":"tags:seldom"}`, 202, 20_001, `"state":"queued"`},
	} {
		read = 0
		w := s.do(c.method, c.at, c.body, "If-Match", "*")
		if w.Code != c.status || read > c.most || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %s read %d rows: %d %s", c.method, c.at, c.body, read, w.Code, w.Body)
		}
	}
}

func TestOfABookThatIsReadWholeAllAreCounted(t *testing.T) {
	s := newShop(t)
	s.person(`{"email":"a@b.example","tags":["VIP"]}`)
	for _, at := range []string{"/v1/tags", "/v1/groups", "/v1/statuses?count=true"} {
		if out := s.must(200, s.do("GET", at, "")); out["counted_all"] != true {
			t.Errorf("%s: %v", at, out)
		}
	}
	if out := s.must(200, s.do("POST", "/v1/bulk/preview", `{"action":"delete","all":true}`)); out["counted_all"] != true || out["matched"] != 1.0 {
		t.Errorf("preview %v", out)
	}
}
