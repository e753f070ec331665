package roletest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/role/internal/policy"
)

const (
	leastDuration = 15 * time.Minute
	mostDuration  = 12 * time.Hour
	assumeRole    = "sts:AssumeRole"
)

// assumption is one call of AssumeRole.
type assumption struct {
	roleARN, name, externalID, sourceIdentity string
	duration                                  time.Duration
	policy                                    *policy.Policy
	tags                                      map[string]string
}

// readAssumption parses the call's parameters.
func readAssumption(form url.Values) (assumption, error) {
	c := assumption{
		roleARN: form.Get("RoleArn"), name: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"),
		sourceIdentity: form.Get("SourceIdentity"), duration: time.Hour, tags: map[string]string{},
	}
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		key := form.Get(fmt.Sprintf("Tags.member.%d.Key", i))
		if _, twice := c.tags[key]; twice {
			return c, invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		c.tags[key] = form.Get(fmt.Sprintf("Tags.member.%d.Value", i))
	}
	if s := form.Get("DurationSeconds"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return c, &failure{status: http.StatusBadRequest, code: "MalformedInput"}
		}
		c.duration = time.Duration(n) * time.Second
	}
	if err := c.check(form); err != nil {
		return c, err
	}
	if document := form.Get("Policy"); document != "" {
		p, err := policy.ParseSession([]byte(document))
		if err != nil {
			return c, &failure{status: http.StatusBadRequest, code: "MalformedPolicyDocument", message: err.Error()}
		}
		c.policy = p
	}
	return c, nil
}

// assume creates a session, if the caller may.
func (a *Account) assume(caller string, c assumption) (*Session, error) {
	r := a.roles[c.roleARN]
	if r == nil {
		return nil, accessDenied("User: " + caller + " is not authorized to perform: " + assumeRole + " on resource: " + c.roleARN)
	}
	if err := a.mayAssume(caller, r, c); err != nil {
		return nil, accessDenied(err.Error())
	}
	if c.duration > r.maxDuration {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	number := len(a.order) + 1
	now := a.now().Truncate(time.Second) // STS uses whole seconds
	s := &Session{
		ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", accountOf(c.roleARN),
			c.roleARN[strings.LastIndexByte(c.roleARN, '/')+1:], c.name),
		RoleARN: c.roleARN, Name: c.name, ExternalID: c.externalID, SourceIdentity: c.sourceIdentity,
		AccessKeyID: fmt.Sprintf("ASIA%016d", number), Token: rand.Text(),
		Start: now, Expires: now.Add(c.duration), policy: c.policy,
	}
	a.sessions[s.AccessKeyID] = s
	a.order = append(a.order, s)
	return s, nil
}

// mayAssume checks the trust policy, and the caller's own policies unless the trust policy names the caller itself, in
// the role's account. Source: IAM User Guide, "Policy evaluation logic".
func (a *Account) mayAssume(caller string, r *roleEntry, c assumption) error {
	who, _ := a.find(caller)
	context := who.context()
	context["sts:RoleSessionName"] = []string{c.name}
	if c.externalID != "" {
		context["sts:ExternalId"] = []string{c.externalID}
	}
	actions := []string{assumeRole}
	if c.sourceIdentity != "" {
		context["sts:SourceIdentity"] = []string{c.sourceIdentity}
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for key, value := range c.tags {
		context["aws:RequestTag/"+key] = []string{value}
		context["aws:TagKeys"] = append(context["aws:TagKeys"], key)
	}
	if len(c.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		request := policy.Request{Principal: caller, Action: action, Resource: c.roleARN, Context: context}
		if err := policy.Authorize(request, r.trust); err != nil {
			return err
		}
		anyone := request
		anyone.Principal = "arn:aws:iam::" + accountOf(c.roleARN) + ":user/roletest/anyone"
		named := accountOf(caller) == accountOf(c.roleARN) && policy.Evaluate(anyone, r.trust) != policy.Allow
		if own := policy.Evaluate(request, who.policies...); own == policy.Allow || named && own != policy.ExplicitDeny {
			continue
		}
		return policy.Authorize(request, who.policies...)
	}
	return nil
}
