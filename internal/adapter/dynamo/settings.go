package dynamo

import (
	"context"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/site"
)

// ChangeSettings applies a rule to the settings of the book's site.
func (b *Book) ChangeSettings(ctx context.Context, rule func(*site.Site) (audit.Entry, error)) (site.Site, error) {
	return b.t.ChangeSettings(ctx, b.site.ID, rule)
}
