package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func key(pk, sk string) item { return item{"PK": str(pk), "SK": str(sk)} }

// sitePK is the partition of a site and the start of all of its partitions.
// Site ids hold no '#' (crm.SiteID.Valid), so no site's keys start another's.
func sitePK(id crm.SiteID) string { return "S#" + string(id) }

func siteKey(id crm.SiteID) item                { return key(sitePK(id), "SITE") }
func apiKeyKey(id crm.SiteID, hash string) item { return key(sitePK(id), apiKeyPrefix+hash) }
func formKey(id crm.SiteID, form string) item   { return key(sitePK(id), formPrefix+form) }
func sourceKey(id crm.SiteID, src string) item  { return key(sitePK(id), sourcePrefix+src) }
func memberKey(id crm.SiteID, m string) item    { return key(sitePK(id), memberPrefix+m) }

const (
	apiKeyPrefix = "APIKEY#"
	formPrefix   = "FORM#"
	sourcePrefix = "SOURCE#"
	memberPrefix = "MEMBER#"
)

// teamKey is the one item that every change of who works for a site passes.
func teamKey(id crm.SiteID) item { return key(sitePK(id), "TEAM") }

func sessionPrefix(m string) string { return "SESSION#" + m + "#" }

func sessionKey(id crm.SiteID, m, session string) item {
	return key(sitePK(id), sessionPrefix(m)+session)
}

// auditPK holds the site's audit log; the guard lets nothing change or remove
// what stands in it.
func auditPK(id crm.SiteID) string { return sitePK(id) + "#L" }

// personPK holds what a person has across sites: in which ones they work, and
// sign-ins that wait for their code. Its name is a hash of the address.
func personPK(p member.Person) string { return "P#" + string(p) }

// clientPK holds the counters of a network that sign-ins come from.
func clientPK(c member.Client) string { return "N#" + string(c) }

const membershipPrefix = "SITE#"

func membershipKey(p member.Person, id crm.SiteID) item {
	return key(personPK(p), membershipPrefix+string(id))
}

func signInKey(p member.Person, id string) item { return key(personPK(p), "SIGNIN#"+id) }

// What many small things of a site start their sort keys with.
const (
	tagPrefix      = "TAG#"
	groupPrefix    = "GROUP#"
	renamingPrefix = "RENAMED#" // a tag, by the ULID of its moment
)

func renamingKey(id crm.SiteID, ulid string) item { return key(sitePK(id), renamingPrefix+ulid) }

// groupsKey is the one item that every name of a group passes.
func groupsKey(id crm.SiteID) item { return key(sitePK(id), "GROUPS") }

func tagKey(id crm.SiteID, tag string) item     { return key(sitePK(id), tagPrefix+tag) }
func groupKey(id crm.SiteID, group string) item { return key(sitePK(id), groupPrefix+group) }

func shardPK(id crm.SiteID, shard int) string { return fmt.Sprintf("%s#C#%02d", sitePK(id), shard) }

func slotKey(s *site.Site, id crm.ContactID) item {
	return key(shardPK(s.ID, id.Shard(s.Shards)), string(id))
}

func activityPK(id crm.SiteID, c crm.ContactID) string { return sitePK(id) + "#A#" + string(c) }

// orderPrefix sorts behind every ULID, whose first character is a digit.
const orderPrefix = "ORDER#"

// orderEnd sorts behind every order.
const orderEnd = "ORDER$"

func orderKey(id crm.SiteID, c crm.ContactID, ref string) item {
	return key(activityPK(id, c), orderPrefix+ref)
}

// dealingPrefix sorts behind the orders.
const dealingPrefix = "TX#"

func dealingKey(id crm.SiteID, c crm.ContactID, ref string) item {
	return key(activityPK(id, c), dealingPrefix+ref)
}

// filePrefix sorts behind activities and orders.
const filePrefix = "UPLOAD#"

func fileKey(id crm.SiteID, c crm.ContactID, file string) item {
	return key(activityPK(id, c), filePrefix+file)
}

// devicesKey holds a contact's devices for push messages. It sorts behind every
// ULID and before the orders.
func devicesKey(id crm.SiteID, c crm.ContactID) item { return key(activityPK(id, c), "DEVICES") }

func submissionPK(id crm.SiteID, form string) string { return sitePK(id) + "#F#" + form }

// outboxPK holds the mails of a site that wait to be sent.
func outboxPK(id crm.SiteID) string { return sitePK(id) + "#O" }

func outboxKey(id crm.SiteID, message string) item { return key(outboxPK(id), message) }

// mergeKey is what is told of a merge; part n from 0 holds what its contacts were before.
func mergeKey(id crm.SiteID, merge string) item { return key(sitePK(id)+"#M", merge) }

func mergePartKey(id crm.SiteID, merge string, n int) item {
	return key(sitePK(id)+"#M", fmt.Sprintf("%s#%02d", merge, n))
}

func jobPK(id crm.SiteID) string { return sitePK(id) + "#J" }

func chunkPK(id crm.SiteID, job string) string { return jobPK(id) + "#" + job }

// onceKey has a hash of the client's key: a client may well have made it of an address.
func onceKey(id crm.SiteID, principal, k string) item {
	h := sha256.Sum256([]byte(k))
	return key(sitePK(id)+"#K#"+principal, hex.EncodeToString(h[:16]))
}

// quotaKey is the bucket of a principal: an API key, a member, or a hash where
// the principal is an address.
func quotaKey(id crm.SiteID, principal, limit string) item {
	return key(sitePK(id)+"#Q#"+principal, limit)
}

// within reports whether a partition key is the one of a realm or below it.
func within(prefix, pk string) bool {
	rest, ok := strings.CutPrefix(pk, prefix)
	return ok && (rest == "" || rest[0] == '#')
}

func text(it item, name string) string {
	if s, ok := it[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number(it item, name string) int64 {
	if n, ok := it[name].(*types.AttributeValueMemberN); ok {
		v, _ := strconv.ParseInt(n.Value, 10, 64) // written by num alone
		return v
	}
	return 0
}
