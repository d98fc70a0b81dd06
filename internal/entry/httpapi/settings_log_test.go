package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"clientele/internal/domain/audit"
)

// Who changed a price or a tag is asked for later: each change of a group or a tag
// leaves its row, in the same transaction.
func TestChangesOfTagsAndGroupsAreInTheLog(t *testing.T) {
	s := newShop(t)
	g := s.must(201, s.do("POST", "/v1/groups", `{"name":"Horeca"}`))["id"].(string)
	s.must(200, s.do("PATCH", "/v1/groups/"+g, `{"percentage":-5}`, "If-Match", "*"))
	s.must(412, s.do("PATCH", "/v1/groups/"+g, `{"percentage":-9}`, "If-Match", `"1"`))
	s.must(202, s.do("DELETE", "/v1/groups/"+g, "", "If-Match", "*"))
	tag := s.must(201, s.do("POST", "/v1/tags", `{"name":"VIP"}`))["id"].(string)
	s.must(200, s.do("PATCH", "/v1/tags/"+tag, `{"colour":"#2c7a7b"}`, "If-Match", "*"))
	s.must(202, s.do("PATCH", "/v1/tags/"+tag, `{"name":"Regular"}`, "If-Match", "*"))
	for id, want := range map[string]int{g: 3, tag: 3} {
		rows, _, err := s.table.AuditLog(t.Context(), s.id, audit.Filter{Object: id}, 50, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != want {
			t.Errorf("%s has %d rows, want %d: %+v", id, len(rows), want, rows)
		}
		for _, r := range rows {
			if r.Action != audit.SettingsChanged || r.By == "" || strings.Join(r.Fields, "") == "" {
				t.Errorf("a row that does not tell: %+v", r)
			}
		}
	}
}

// Who changed or deleted a note is told, and which; never what it said.
func TestChangesOfNotesAreInTheLog(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	id := s.must(201, s.do("POST", at+"/entries", `{"title":"a secret"}`))["id"].(string)
	s.must(200, s.do("PATCH", at+"/entries/"+id, `{"title":"another secret"}`, "If-Match", `"1"`))
	s.must(200, s.do("PATCH", at+"/entries/"+id, `{"title":"another secret"}`, "If-Match", `"2"`)) // changes nothing
	s.must(412, s.do("DELETE", at+"/entries/"+id, "", "If-Match", `"1"`))
	s.must(204, s.do("DELETE", at+"/entries/"+id, "", "If-Match", `"2"`))
	rows, _, err := s.table.AuditLog(t.Context(), s.id, audit.Filter{Object: strings.TrimPrefix(at, "/v1/contacts/") + "/" + id}, 50, "")
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v, %v", rows, err)
	}
	for _, r := range rows {
		if r.Action != audit.NoteChanged && r.Action != audit.NoteDeleted || r.By == "" || strings.Contains(fmt.Sprint(r), "secret") {
			t.Errorf("the row is %+v", r)
		}
	}
}

func TestStatusesTellHowManyHaveThem(t *testing.T) {
	s := newShop(t)
	s.person(`{"email":"a@b.example"}`)
	s.person(`{"email":"b@b.example"}`)
	s.person(`{"email":"c@b.example","status":"vip"}`)
	got := map[string]any{}
	for _, v := range s.must(200, s.do("GET", "/v1/statuses?count=true", ""))["statuses"].([]any) {
		got[v.(map[string]any)["id"].(string)] = v.(map[string]any)["contacts"]
	}
	if fmt.Sprint(got) != "map[customer:0 inactive:0 lead:2 vip:1]" {
		t.Errorf("counted %v", got)
	}
	for _, v := range s.must(200, s.do("GET", "/v1/statuses", ""))["statuses"].([]any) {
		if n, ok := v.(map[string]any)["contacts"]; ok {
			t.Errorf("without being asked %v were counted", n)
		}
	}
}
