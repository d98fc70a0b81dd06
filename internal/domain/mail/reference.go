package mail

import (
	"fmt"
	"strconv"

	"clientele/internal/domain/message"
)

// ReferenceMessage is the kind of a reference on a queue.
const ReferenceMessage = "mail"

// Message is the reference as it travels.
func (r Reference) Message() message.Message {
	return message.Message{Site: r.Site, Kind: ReferenceMessage,
		Attributes: map[string]string{"id": r.ID, "order": r.Order, "again": strconv.FormatInt(r.Again, 10)}}
}

// ReadReference takes a reference out of a message.
func ReadReference(m message.Message) (Reference, error) {
	r := Reference{Site: m.Site, ID: m.Attributes["id"], Order: m.Attributes["order"]}
	r.Again, _ = strconv.ParseInt(m.Attributes["again"], 10, 64)
	if m.Kind != ReferenceMessage || r.ID == "" {
		return r, fmt.Errorf("a message of kind %q is not for this queue", m.Kind)
	}
	return r, nil
}
