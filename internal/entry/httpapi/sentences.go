package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2/validation"
)

// missing ends what is said of a field that must be given; faultOf turns it into
// a pointer to that field.
const missing = " is missing; it must be given"

// What the framework finds is said in our own words: what to write instead. It
// makes its sentences when an operation is registered, so these stand before.
func init() {
	moment := "write a moment as 2026-05-01T12:00:00Z, RFC 3339"
	for at, says := range map[*string]string{
		&validation.MsgUnexpectedProperty:                "there is no such field here; leave it out, or look for its name in /v1/openapi.json",
		&validation.MsgExpectedRFC3339DateTime:           moment,
		&validation.MsgExpectedRFC1123DateTime:           moment,
		&validation.MsgExpectedRFC3339Date:               "write a day as 2026-05-01",
		&validation.MsgExpectedRFC3339Time:               "write a time as 12:00:00Z",
		&validation.MsgExpectedRFC3986URI:                "write a whole web address, with https://",
		&validation.MsgExpectedMatchAtLeastOneSchema:     "write it in one of the ways that /v1/openapi.json shows",
		&validation.MsgExpectedMatchExactlyOneSchema:     "write it in one of the ways that /v1/openapi.json shows",
		&validation.MsgExpectedBoolean:                   "write true or false, without quotes",
		&validation.MsgExpectedNumber:                    "write a number, without quotes",
		&validation.MsgExpectedInteger:                   "write a whole number, without quotes",
		&validation.MsgExpectedString:                    `write a text, in quotes: "…"`,
		&validation.MsgExpectedBase64String:              "write the bytes in base64",
		&validation.MsgExpectedArray:                     "write a list: [ … ]",
		&validation.MsgExpectedObject:                    "write an object: { … }",
		&validation.MsgExpectedArrayItemsUnique:          "give each of them once",
		&validation.MsgExpectedOneOf:                     `write one of these: %s`,
		&validation.MsgExpectedMinimumNumber:             "give a number that is at least %v",
		&validation.MsgExpectedExclusiveMinimumNumber:    "give a number above %v",
		&validation.MsgExpectedMaximumNumber:             "give a number that is at most %v",
		&validation.MsgExpectedExclusiveMaximumNumber:    "give a number below %v",
		&validation.MsgExpectedNumberBeMultipleOf:        "give a multiple of %v",
		&validation.MsgExpectedMinLength:                 "it is too short; give at least %d characters",
		&validation.MsgExpectedMaxLength:                 "it is too long; give at most %d characters",
		&validation.MsgExpectedBePattern:                 "write %s",
		&validation.MsgExpectedMatchPattern:              "it is not written as it must be, %s",
		&validation.MsgExpectedMinItems:                  "give at least %d of them",
		&validation.MsgExpectedMaxItems:                  "give at most %d of them",
		&validation.MsgExpectedMinProperties:             "give at least %d fields",
		&validation.MsgExpectedMaxProperties:             "give at most %d fields",
		&validation.MsgExpectedRequiredProperty:          "%s" + missing,
		&validation.MsgExpectedDependentRequiredProperty: "%s must be given together with %s",
	} {
		*at = says
	}
}

// parameterSays is what we say of a parameter that the framework cannot read.
func parameterSays(message string) string {
	switch {
	case strings.HasPrefix(message, "invalid integer"):
		return "write a whole number of at most 18 digits"
	case strings.HasPrefix(message, "invalid float"):
		return "write a number"
	case strings.HasPrefix(message, "invalid boolean"):
		return "write true or false"
	case strings.HasPrefix(message, "invalid date/time"):
		return "write a moment as 2026-05-01T12:00:00Z, RFC 3339"
	case strings.HasPrefix(message, "required "):
		return "it" + missing
	}
	return message
}

var unmarshalled = regexp.MustCompile(`cannot unmarshal .* into Go struct field [^ ]*?\.([^ ]+) of type (.*)$`)

// unreadable is what we say of a body that follows its schema and cannot be read all the same, or
// is no JSON at all.
func unreadable(message, body string) ProblemFault {
	var any any
	var syntax *json.SyntaxError
	if err := json.Unmarshal([]byte(body), &any); errors.As(err, &syntax) {
		at := min(int(syntax.Offset), len(body))
		line := 1 + strings.Count(body[:at], "\n")
		if strings.Contains(err.Error(), "unexpected end") {
			return ProblemFault{Detail: fmt.Sprintf("the body is not valid JSON: it ends in line %d before it is complete", line)}
		}
		column := at - strings.LastIndex(body[:max(at-1, 0)], "\n") - 1
		return ProblemFault{Detail: fmt.Sprintf("the body is not valid JSON: line %d, character %d cannot stand there", line, column)}
	}
	if m := unmarshalled.FindStringSubmatch(message); m != nil {
		says := "this value is not of the kind that goes here"
		if strings.Contains(m[2], "int") {
			says = "this number is too large; give a whole one of at most 18 digits"
		}
		return ProblemFault{Pointer: "/" + strings.ReplaceAll(m[1], ".", "/"), Detail: says}
	}
	return ProblemFault{Detail: "the body cannot be read; compare it with the example in /v1/openapi.json"}
}
