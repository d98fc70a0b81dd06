package main

import (
	"bufio"
	"fmt"
	"io"

	"clientele/internal/local/services"
)

// banner tells how to get in, with a line to paste for each of the flows.
// README.md has the same lines, and a test that runs them.
func banner(w io.Writer, d *services.Deployment, r services.Run, file string) {
	out := bufio.NewWriter(w)
	defer out.Flush()
	fmt.Fprintf(out, `
Clientele runs.

  API        %s
  API key    %s
  owner      %s, who signs in with the code that is mailed (last line below)
  form       %s
  sent mail  %s
`, r.APIURL, r.APIKey, r.OwnerEmail, r.FormURL, r.APIURL+services.MailPath)
	for _, name := range []string{"shopify", "woocommerce", "own"} {
		fmt.Fprintf(out, "  %-12s %s\n               secret %s\n", name, r.Sources[name].URL, r.Sources[name].Secret)
	}
	fmt.Fprintf(out, `
Try it in another terminal, in this folder. First:

  API=%[1]s FORM=%[3]s HOOK=%[4]s SECRET=%[5]s AUTH='Authorization: Bearer %[2]s' JSON='Content-Type: application/json' FILE=internal/domain/transfer/testdata/shopware_customers.csv

1. a contact     curl -s -H "$AUTH" -H "$JSON" -d '{"email":"ann@example.com"}' $API/v1/contacts
   the book      curl -s -H "$AUTH" $API/v1/contacts
2. a form        curl -s -d email=bob@example.com -d name=Bob $FORM
3. an order      curl -s -H "$JSON" -H 'X-Shopify-Topic: orders/create' -H "X-Shopify-Hmac-SHA256: $(openssl dgst -sha256 -hmac $SECRET -binary <events/orders/shopify.json | base64)" --data-binary @events/orders/shopify.json $HOOK
4. an import     curl -s -T $FILE -H 'If-None-Match: *' "$(curl -s -H "$AUTH" -H "$JSON" -d "{\"filename\":\"klanten.csv\",\"size\":$(wc -c <$FILE)}" $API/v1/imports | python3 -c 'import json,sys; print(json.load(sys.stdin)["upload"]["url"])')"
   how it went   curl -s -H "$AUTH" $API/v1/imports
5. an export     EXPORT=$API$(curl -s -D - -o /dev/null -H "$AUTH" -H "$JSON" -d '{"format":"csv"}' $API/v1/exports | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
   its file      sleep 5; curl -s "$(curl -s -H "$AUTH" $EXPORT | python3 -c 'import json,sys; print(json.load(sys.stdin)["url"])')"
6. sign in       curl -s -H "$JSON" -d '{"email":"%[9]s"}' $API/v1/sign-in      (the answer is one half, the code in the mail at %[1]s%[10]s the other)
                 curl -s -H "$JSON" -d '{"sign_in":"…","code":"…"}' $API/v1/sign-in/verify

The whole job at once: make demo. What there is: %[1]s/v1/openapi.json
Services: %[6]s (table: %[7]s). Addresses and keys are also in %[8]s.
Stop with Ctrl-C.
`, r.APIURL, r.APIKey, r.FormURL, r.Sources["shopify"].URL, r.Sources["shopify"].Secret, d.Stack.Endpoint, d.Stack.Dynamo, file, r.OwnerEmail, services.MailPath)
}
