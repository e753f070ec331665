package registry

import (
	"errors"
	"net/http"

	"github.com/shardmill/shardmill/mapping/registry/internal/lambdaapi"
	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

// Handler serves the operations as AWS Lambda's API does: /2015-03-31/event-source-mappings, and /2017-03-31/tags for
// the ARNs of mappings. docs/api.md lists the differences from AWS.
//
// Requests must be signed, with Signature Version 4, by one of Config.Credentials. With Config.AllowUnsigned signatures
// are not verified, and without either every request is refused. A request may be as large as the handler's bound on
// bodies, 256 KiB; timeouts and the size of headers are the http.Server's.
func (r *Registry) Handler() http.Handler { return lambdaapi.NewHandler(wire{r}, r.auth, r.log) }

// verifier returns the verifier of requests, nil if they need no signature.
func (c *Config) verifier() (*sigv4.Verifier, error) {
	switch {
	case c.AllowUnsigned && len(c.Credentials) > 0:
		return nil, errors.New("registry: AllowUnsigned: must not be set together with Credentials")
	case c.AllowUnsigned:
		return nil, nil
	}
	return sigv4.New(sigv4.Config{Keys: c.Credentials})
}

func (r *Registry) auth(req *http.Request, body []byte) *lambdaapi.Error {
	if r.verifier == nil {
		return nil
	}
	if refusal := r.verifier.Verify(req, body); refusal != nil {
		return &lambdaapi.Error{Code: refusal.Code, Status: refusal.Status, Message: refusal.Message}
	}
	return nil
}
