package mail

import (
	"strings"
	"testing"
)

func good() Message {
	return Message{Template: FromMember, To: Address{Email: "emma@example.nl"}, Values: map[string]string{Subject: "s", Text: "t"}}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Message)
		want  string
	}{
		"nothing":             {func(*Message) {}, ""},
		"an unknown mail":     {func(m *Message) { m.Template = "x" }, "no mail"},
		"no address":          {func(m *Message) { m.To.Email = "" }, "to:"},
		"two addresses":       {func(m *Message) { m.To.Email = "a@b.nl, c@d.nl" }, "to:"},
		"a bad reply address": {func(m *Message) { m.ReplyTo.Email = "a@b.nl\r\nBcc: c@d.nl" }, "reply to:"},
		"no text":             {func(m *Message) { m.Values[Text] = " \n" }, Text},
		"a long text":         {func(m *Message) { m.Values[Text] = strings.Repeat("x", MaxText+1) }, "more than"},
		"a script as link":    {func(m *Message) { m.Values[Link] = "javascript:alert(1)" }, Link},
		"too much in files": {func(m *Message) {
			m.Attachments = []Attachment{{Name: "a", Key: "k", Size: MaxAttachmentBytes}, {Name: "b", Key: "l", Size: 1}}
		}, "bytes"},
	} {
		m := good()
		c.spoil(&m)
		err := m.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "@") {
			t.Errorf("%s: the error tells an address: %v", name, err)
		}
	}
	for _, tpl := range Templates {
		if len(needs[tpl]) == 0 {
			t.Errorf("%s needs nothing", tpl)
		}
	}
}

// Mails to one person keep their order whatever they are about.
func TestOrderNamesNobody(t *testing.T) {
	a, b := good(), good()
	b.To.Email = "EMMA@example.NL"
	if a.Order() != b.Order() || strings.Contains(a.Order(), "emma") {
		t.Errorf("%s, %s", a.Order(), b.Order())
	}
	b.Contact = "ct_1"
	if a.Order() == b.Order() {
		t.Error("a contact and an address have one order")
	}
}
