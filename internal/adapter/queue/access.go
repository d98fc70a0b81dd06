package queue

import (
	"context"

	"clientele/internal/domain/privacy"
)

var _ privacy.AccessQueue = (*Queue)(nil)

// SendAccess implements privacy.AccessQueue.
func (q *Queue) SendAccess(ctx context.Context, t privacy.AccessTask) error {
	return sendAll(ctx, q, []privacy.AccessTask{t}, func(t privacy.AccessTask) (Message, error) {
		return messageOf(t.Site, privacy.AccessMessage, t)
	})
}
