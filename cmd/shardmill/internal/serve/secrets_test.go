package serve

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
)

// withSecrets has a secret wherever one can be. No server answers for the functions behind HTTP.
const withSecrets = `
keys:
  - {id: AKIDONE, secret: hush-file}
  - {id: AKIDTWO, secret: $KEY_TWO}
admin: {listen: ":0", token: hush-token}
kinesis: {embedded: {listen: "127.0.0.1:0", streams: [{name: orders}]}}
functions:
  far: {url: "http://user:hush-url@127.0.0.1:1/?code=hush-query#hush-fragment", headers: {Authorization: hush-header}}
  near: {command: [sh, -c, exit 3], environment: {TOKEN: hush-environment}}
  acting: {builtin: print, role: "arn:aws:iam::123456789012:role/x", externalId: hush-external}
endpoints: {sts: "http://127.0.0.1:1/"}
`

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "json"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			env := []string{"KEY_TWO=hush-variable", "SHARDMILL_ACCESS_KEY_ID=AKIDTHREE", "SHARDMILL_SECRET_ACCESS_KEY=hush-default"}
			p := start(t, env, "-config", file(t, withSecrets), "-debug", "-log", form)
			for id, secret := range map[string]string{"AKIDONE": "hush-file", "AKIDTWO": "hush-variable", "AKIDTHREE": "hush-default"} {
				function := map[string]string{"AKIDONE": "far", "AKIDTWO": "near", "AKIDTHREE": "far:alias"}[id]
				settle(t, p.mappings(id, secret), create(t, p.mappings(id, secret), function, orders, true), "Enabled")
				_, err := p.mappings(id, "wrong").ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
				assert.ErrorContains(t, err, "InvalidSignatureException")
			}
			_, err := p.mappings("AKIDONE", "hush-file").CreateEventSourceMapping(t.Context(), input("acting"), once)
			assert.Error(t, err)
			put(t, p.kinesis(), 1, 5)
			p.eventually(func() bool { return failures(t, p) == 3 })
			p.signal(syscall.SIGTERM)
			p.wait()
			assert.Contains(t, p.log.String(), "draining")
			assert.Contains(t, p.log.String(), "http://127.0.0.1:1/: ", "of a URL the scheme, host and path")
			assert.NotContains(t, p.out.String()+p.log.String(), "hush")
			assert.NotContains(t, fmt.Sprint(err), "hush")
		})
	}
}

// once has a client try a call once.
func once(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }

// failures counts the mappings whose function has failed.
func failures(t *testing.T, p *program) (n int) {
	t.Helper()
	out, err := p.mappings("AKIDONE", "hush-file").ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if err != nil {
		return 0
	}
	for _, m := range out.EventSourceMappings {
		if *m.LastProcessingResult == "PROBLEM: Function call failed" {
			n++
		}
	}
	return n
}
