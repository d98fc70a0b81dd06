package dynamo

import (
	"context"

	"clientele/internal/domain/crm"
)

// ErrStray is what the guard answers.
var ErrStray = errStray

// StrayProbe reads any key while bound to a site.
func StrayProbe(t *Table, id crm.SiteID, pk, sk string) error {
	_, err := t.get(context.Background(), id, key(pk, sk))
	return err
}
