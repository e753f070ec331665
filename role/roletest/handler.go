package roletest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/role/internal/policy"
)

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	requestID    = "01234567-89ab-cdef-0123-456789abcdef"
	maxBody      = 1 << 20
)

// failure is an error of the query protocol.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func invalid(format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, code: "ValidationError", message: fmt.Sprintf(format, args...)}
}

func accessDenied(message string) error {
	return &failure{status: http.StatusForbidden, code: "AccessDenied", message: message}
}

// Handler returns the account's STS and IAM over the query protocol, for the SDK's clients.
func (a *Account) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *Account) serve(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	out, err := a.answer(r)
	status := http.StatusOK
	if err != nil {
		f := asFailure(err)
		status = f.status
		out = errorXML{NS: stsNamespace, Type: "Sender", Code: f.code, Message: f.message, RequestID: requestID}
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(out) // an unread answer is the client's problem
}

// asFailure converts an error to the form of the query protocol.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return &failure{status: http.StatusInternalServerError, code: "InternalFailure", message: err.Error()}
	}
	f := &failure{status: http.StatusBadRequest, code: api.ErrorCode(), message: api.ErrorMessage()}
	switch f.code {
	case "UnrecognizedClientException":
		f.status, f.code = http.StatusForbidden, "InvalidClientTokenId"
	case "ExpiredTokenException":
		f.status, f.code = http.StatusForbidden, "ExpiredToken"
	}
	if api.ErrorFault() == smithy.FaultServer {
		f.status = http.StatusInternalServerError
	}
	return f
}

// answer performs one call.
func (a *Account) answer(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, invalid("%v", err)
	}
	if err := a.nextFailure(); err != nil {
		return nil, err
	}
	caller, err := a.Principal(accessKey(r))
	if err != nil {
		return nil, err
	}
	switch r.PostForm.Get("Action") {
	case "AssumeRole":
		return a.answerAssume(caller, r.PostForm)
	case "SimulatePrincipalPolicy":
		return a.answerSimulate(caller, r.PostForm)
	}
	return nil, &failure{
		status: http.StatusBadRequest, code: "InvalidAction",
		message: "Could not find operation " + r.PostForm.Get("Action") + " for version " + r.PostForm.Get("Version"),
	}
}

func (a *Account) nextFailure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.failures) == 0 {
		return nil
	}
	err := a.failures[0]
	a.failures = a.failures[1:]
	return err
}

// accessKey returns the access key and the session token of a request's signature, empty if there is none. The
// signature is not verified.
func accessKey(r *http.Request) (accessKeyID, sessionToken string) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	accessKeyID, _, _ = strings.Cut(credential, "/")
	return accessKeyID, r.Header.Get("X-Amz-Security-Token")
}

func (a *Account) answerAssume(caller string, form url.Values) (any, error) {
	c, err := readAssumption(form)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.assume(caller, c)
	if err != nil {
		return nil, err
	}
	return assumeXML{
		NS: stsNamespace, ID: "AROAROLETEST0EXAMPLE:" + s.Name, ARN: s.ARN,
		AccessKeyID: s.AccessKeyID, Secret: "secret", Token: s.Token,
		Expiration: s.Expires.UTC().Format(time.RFC3339), SourceIdentity: s.SourceIdentity, RequestID: requestID,
	}, nil
}

// answerSimulate returns the permissions of a user or a role, if the caller may simulate them.
func (a *Account) answerSimulate(caller string, form url.Values) (any, error) {
	source := form.Get("PolicySourceArn")
	if err := a.Authorize(caller, "iam:SimulatePrincipalPolicy", source); err != nil {
		return nil, accessDenied(err.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	who, _ := a.find(source)
	if _, ok := a.roles[source]; !ok && who.policies == nil {
		return nil, &failure{status: http.StatusNotFound, code: "NoSuchEntity", message: "The entity " + source + " cannot be found."}
	}
	out := simulateXML{NS: iamNamespace, RequestID: requestID}
	for _, action := range members(form, "ActionNames") {
		result := resultXML{Action: action, Decision: policy.Allow.String()}
		for _, resource := range members(form, "ResourceArns") {
			d := policy.Evaluate(policy.Request{Principal: source, Action: action, Resource: resource}, who.policies...)
			result.Resources = append(result.Resources, resourceXML{ARN: resource, Decision: d.String()})
			if d != policy.Allow {
				result.Decision = d.String()
			}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

// members returns the elements of a list parameter.
func members(form url.Values, name string) []string {
	var all []string
	for i := 1; form.Has(fmt.Sprintf("%s.member.%d", name, i)); i++ {
		all = append(all, form.Get(fmt.Sprintf("%s.member.%d", name, i)))
	}
	return all
}

// assumeXML, simulateXML and errorXML are the answers.
type assumeXML struct {
	XMLName        xml.Name `xml:"AssumeRoleResponse"`
	NS             string   `xml:"xmlns,attr"`
	ID             string   `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	ARN            string   `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	AccessKeyID    string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	Secret         string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	Token          string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration     string   `xml:"AssumeRoleResult>Credentials>Expiration"`
	SourceIdentity string   `xml:"AssumeRoleResult>SourceIdentity,omitempty"`
	RequestID      string   `xml:"ResponseMetadata>RequestId"`
}

type simulateXML struct {
	XMLName   xml.Name    `xml:"SimulatePrincipalPolicyResponse"`
	NS        string      `xml:"xmlns,attr"`
	Truncated bool        `xml:"SimulatePrincipalPolicyResult>IsTruncated"`
	Results   []resultXML `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
	RequestID string      `xml:"ResponseMetadata>RequestId"`
}

type resultXML struct {
	Action    string        `xml:"EvalActionName"`
	Decision  string        `xml:"EvalDecision"`
	Resources []resourceXML `xml:"ResourceSpecificResults>member"`
}

type resourceXML struct {
	ARN      string `xml:"EvalResourceName"`
	Decision string `xml:"EvalResourceDecision"`
}

type errorXML struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	NS        string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}
