package contact

import "errors"

// ErrUnchanged is what a Rule returns to store nothing. It never leaves a Book:
// the call then answers the contact as it stands.
var ErrUnchanged = errors.New("the rule changes nothing")
