package role

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/shardmill/shardmill/internal/arns"
)

// lambdaService is AWS Lambda as a principal.
const lambdaService = "lambda.amazonaws.com"

// Trust says who may assume a role. The zero value is AWS Lambda, as in an execution role of its own.
type Trust struct {
	// Principals are the ARNs of users and roles, or account numbers: the identities of the processes that run
	// mappings.
	Principals []string

	// ExternalID is the value that Principals must send, if it is not empty.
	ExternalID string

	// Services are AWS's services, such as lambda.amazonaws.com for a role that real functions use too.
	Services []string

	// SourceARN is the resource for which Services must act (aws:SourceArn); it may have wildcards. Empty: any.
	SourceARN string

	// SetSourceIdentity and TagSession allow Principals to send a SourceIdentity, and Tags.
	SetSourceIdentity, TagSession bool
}

// document and the types below are IAM's policy language in the order in which it is usually written.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string                       `json:",omitempty"`
	Effect    string                       //
	Principal *principal                   `json:",omitempty"`
	Action    []string                     //
	Resource  []string                     `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

type principal struct {
	AWS     []string `json:",omitempty"`
	Service []string `json:",omitempty"`
}

// PolicyDocument returns the policy that grants the fewest permissions for n, as indented JSON with a trailing newline.
// It returns an error if n needs nothing, because IAM accepts no empty policy.
func PolicyDocument(n Needs) ([]byte, error) {
	grants, err := n.Grants()
	if err != nil {
		return nil, err
	}
	var statements []statement
	for _, g := range grants {
		statements = append(statements, statement{Sid: g.Sid, Effect: "Allow", Action: g.Actions, Resource: g.Resources})
	}
	return encode(statements)
}

// TrustPolicy returns the policy of a role that t may assume, as indented JSON with a trailing newline.
func TrustPolicy(t Trust) ([]byte, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	if len(t.Principals) == 0 && len(t.Services) == 0 {
		t.Services = []string{lambdaService}
	}
	var statements []statement
	if len(t.Principals) > 0 {
		s := statement{Effect: "Allow", Principal: &principal{AWS: t.Principals}, Action: []string{"sts:AssumeRole"}}
		if t.SetSourceIdentity {
			s.Action = append(s.Action, "sts:SetSourceIdentity")
		}
		if t.TagSession {
			s.Action = append(s.Action, "sts:TagSession")
		}
		if t.ExternalID != "" {
			s.Condition = map[string]map[string]string{"StringEquals": {"sts:ExternalId": t.ExternalID}}
		}
		statements = append(statements, s)
	}
	if len(t.Services) > 0 {
		s := statement{Effect: "Allow", Principal: &principal{Service: t.Services}, Action: []string{"sts:AssumeRole"}}
		if t.SourceARN != "" {
			s.Condition = map[string]map[string]string{"ArnLike": {"aws:SourceArn": t.SourceARN}}
		}
		statements = append(statements, s)
	}
	return encode(statements)
}

// validate returns all violations, mostly settings that would let in more than intended.
func (t Trust) validate() error {
	var errs []error
	for i, p := range t.Principals {
		if !arns.IsAccount(p) && (!arns.Principal.Fits(p) || strings.ContainsAny(p, "*?${")) {
			errs = append(errs, fmt.Errorf("role: Principals[%d] is %q, must be the ARN of a user or a role, or an account", i, p))
		}
	}
	if t.ExternalID != "" && (len(t.Principals) == 0 || !fitExternalID(t.ExternalID)) {
		errs = append(errs, errors.New("role: ExternalID must be 2 to 1,224 letters, digits and _+=,.@:/-, with Principals"))
	}
	if (t.SetSourceIdentity || t.TagSession) && len(t.Principals) == 0 {
		errs = append(errs, errors.New("role: SetSourceIdentity and TagSession need Principals"))
	}
	if t.SourceARN != "" && (len(t.Principals) > 0 && len(t.Services) == 0 || !isPattern(t.SourceARN)) {
		errs = append(errs, fmt.Errorf("role: SourceARN is %q, must be an ARN, with Services", t.SourceARN))
	}
	return errors.Join(errs...)
}

// isPattern reports whether s can be the pattern of an ARN.
func isPattern(s string) bool {
	_, ok := arns.Split(s)
	return ok && !strings.ContainsFunc(s, unicode.IsSpace)
}

// encode writes a document.
func encode(statements []statement) ([]byte, error) {
	if len(statements) == 0 {
		return nil, errors.New("role: there is nothing to grant")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document{Version: "2012-10-17", Statement: statements})
	return b.Bytes(), err
}
