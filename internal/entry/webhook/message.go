package webhook

// OrderMessage is the kind of queue message that a verified webhook about an
// order becomes. Its body is the shop's, byte for byte; its attributes are:
const (
	OrderMessage = "order"

	AttrSource   = "source"      // id of the source, "<site>-<name>"
	AttrShop     = "kind"        // a Kind
	AttrTopic    = "topic"       // what the shop calls the event; not signed
	AttrDelivery = "delivery"    // the shop's id of the delivery; not signed, so only for who looks at a dead letter
	AttrReceived = "received_at" // RFC 3339
)
