package kinesistest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// principalKey is the context key of the principal of a request that came over HTTP.
type principalKey struct{}

// identify puts the principal of a request into its context, if the configuration knows it.
func (h *handler) identify(r *http.Request) (*http.Request, error) {
	if h.service.config.Principal == nil {
		return r, nil
	}
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	accessKeyID, _, _ := strings.Cut(credential, "/")
	principal, err := h.service.config.Principal(accessKeyID, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, principal)), nil
}

// reasonError is an error of Config.Authorize that says why.
type reasonError interface {
	error
	Reason() string
}

// authorize checks with the configuration whether a call is allowed, and refuses it in the words of AWS. Source: IAM
// User Guide, "Troubleshoot access denied error messages".
func (s *Service) authorize(ctx context.Context, call Call, about subject) error {
	if s.config.Authorize == nil {
		return nil
	}
	principal, ok := ctx.Value(principalKey{}).(string)
	if !ok {
		principal = "arn:aws:iam::" + s.config.Account + ":root"
	}
	action, resource := "kinesis:"+string(call.Op), "*"
	switch {
	case about.consumer != nil:
		resource = *about.consumer
	case call.Stream != "":
		resource = s.arn(call.Stream)
	}
	err := s.config.Authorize(principal, action, resource)
	if err == nil {
		return nil
	}
	reason := "because no identity-based policy allows the " + action + " action"
	if e, ok := errors.AsType[reasonError](err); ok {
		reason = e.Reason()
	}
	return &types.AccessDeniedException{Message: new(fmt.Sprintf(
		"User: %s is not authorized to perform: %s on resource: %s %s", principal, action, resource, reason))}
}

// dryRun is the answer to a call with DryRun that would have succeeded. Its text is ours.
// Source: Kinesis developer guide, "Test your permissions and request inputs with dry run".
func dryRun(wanted *bool) error {
	if wanted != nil && *wanted {
		return &types.DryRunOperationException{Message: new("The request would have succeeded, but the DryRun parameter was specified.")}
	}
	return nil
}
