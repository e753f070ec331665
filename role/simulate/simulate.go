// Package simulate asks IAM whether a role may do everything that a mapping needs, without doing any of it. It covers
// calls that [role.CheckSource] cannot try without a side effect, such as sending a message to a queue.
//
//	err := simulate.Check(ctx, iam.NewFromConfig(awsConfig), "arn:aws:iam::123456789012:role/ship-orders", needs)
//	if errors.Is(err, simulate.ErrNotAllowed) {
//		// the caller may not simulate; nothing is known
//	}
//
// The client needs iam:SimulatePrincipalPolicy on the role, which the role itself seldom has and should not need. IAM
// evaluates the role's own policies, its permissions boundary and its organization's. It ignores the policies of
// queues, buckets and keys, which may also allow or deny.
package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/shardmill/shardmill/internal/arns"
	"github.com/shardmill/shardmill/role"
)

// ErrNotAllowed says that the caller may not call IAM: the role's permissions are not known. The error also wraps
// IAM's.
var ErrNotAllowed = errors.New("simulate: iam:SimulatePrincipalPolicy is not allowed")

// Client is the part of the IAM API that Check needs. *iam.Client of the AWS SDK for Go v2 is one.
type Client interface {
	SimulatePrincipalPolicy(context.Context, *iam.SimulatePrincipalPolicyInput, ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error)
}

// Check returns nil if the role may do what n needs, else an *role.AccessError with AWS Lambda's text for each missing
// permission, joined. It makes one call for each of n's grants.
func Check(ctx context.Context, client Client, roleARN string, n role.Needs) error {
	if _, err := arns.Role.Parse(roleARN); err != nil {
		return fmt.Errorf("simulate: role %q: %w", roleARN, err)
	}
	grants, err := n.Grants()
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range grants {
		missing, err := ask(ctx, client, roleARN, g)
		if err != nil {
			return err
		}
		for _, m := range missing {
			errs = append(errs, n.Refusal(m.action, m.resource))
		}
	}
	return errors.Join(errs...)
}

// permission is an action on a resource.
type permission struct{ action, resource string }

// ask returns the missing permissions of a grant.
func ask(ctx context.Context, client Client, roleARN string, g role.Grant) ([]permission, error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &roleARN, ActionNames: g.Actions}
	granted := map[string]string{} // keyed by the ARN in the request, which must be one resource, not a pattern
	for _, r := range g.Resources {
		one := strings.ReplaceAll(r, "*", "x")
		in.ResourceArns = append(in.ResourceArns, one)
		granted[one] = r
	}
	var missing []permission
	for {
		out, err := client.SimulatePrincipalPolicy(ctx, in)
		if _, denied := role.FromError(err); denied {
			return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
		}
		if err != nil {
			return nil, fmt.Errorf("simulate: role %s: %w", roleARN, err)
		}
		for i := range out.EvaluationResults {
			for _, p := range notAllowed(&out.EvaluationResults[i], in.ResourceArns[0]) {
				missing = append(missing, permission{p.action, cmp.Or(granted[p.resource], p.resource)})
			}
		}
		if !out.IsTruncated || out.Marker == nil {
			return missing, nil
		}
		in.Marker = out.Marker
	}
}

// notAllowed returns the denied permissions of a result: for each resource if IAM distinguishes them, else for the
// first.
func notAllowed(r *types.EvaluationResult, first string) []permission {
	action := aws.ToString(r.EvalActionName)
	var all []permission
	for _, one := range r.ResourceSpecificResults {
		if one.EvalResourceDecision != types.PolicyEvaluationDecisionTypeAllowed {
			all = append(all, permission{action, aws.ToString(one.EvalResourceName)})
		}
	}
	if len(r.ResourceSpecificResults) == 0 && r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
		all = append(all, permission{action, first})
	}
	return all
}
