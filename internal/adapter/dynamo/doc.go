// Package dynamo keeps everything in one DynamoDB table.
//
// Every key starts with its site (or a person or network, for what is of no site), and a guard in front of the client refuses a
// request whose keys are not of the site in the context (guard.go).
//
//	item                  PK                         SK
//	site                  S#<site>                   SITE
//	API key               S#<site>                   APIKEY#<sha-256 of the key>
//	form                  S#<site>                   FORM#<form id>
//	webhook source        S#<site>                   SOURCE#<source id>
//	member, team stamp    S#<site>                   MEMBER#<member id>, TEAM
//	session               S#<site>                   SESSION#<member id>#<session id>
//	audit log             S#<site>#L                 <ulid>
//	person                P#<hash of the address>    SITE#<site>, SIGNIN#<hash>, RATE#<limit>
//	network               N#<hash>                   RATE#<limit>
//	tag, customer group   S#<site>                   TAG#<tag id>, GROUP#<group id>
//	slot                  S#<site>#C#<shard>         <contact id>
//	activity              S#<site>#A#<contact id>    <ulid>
//	order                 S#<site>#A#<contact id>    ORDER#<source>:<order id>
//	kept submission       S#<site>#F#<form id>       <ulid>
//	job, access request   S#<site>#J                 <job id>
//	chunk                 S#<site>#J#<job id>        CHUNK#<n>
//	part of a bulk job    S#<site>#J#<job id>        PART#<n>
//	idempotency record    S#<site>#K#<principal>     <hash of the client's key>
//
//	access pattern                     reads and writes
//	contact by id                      1 GetItem
//	contact by address                 1 GetItem, 2 behind a pointer
//	create a contact                   1 conditional PutItem (3 write units in a transaction with a key)
//	change a contact                   1 GetItem, 1 transaction: slot, slots gained and lost, activity
//	last changed first                 1 Query of by_updated a shard, merged
//	a request's site and credential    1 BatchGetItem of 2
//	order                              reads: its slot, the contact, the order; 1 transaction
//
// A slot is where an identity lives (see slot.go). Items carry a schema version,
// sv; readers accept this one and the one before.
package dynamo
