package role

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/shardmill/shardmill/internal/arns"
)

const (
	defaultDuration    = time.Hour // STS's own default, and the maximum for a chain of roles
	defaultRenewBefore = 5 * time.Minute
)

// Client is the part of the STS API that a Role needs. *sts.Client of the AWS SDK for Go v2 is one.
type Client interface {
	AssumeRole(context.Context, *sts.AssumeRoleInput, ...func(*sts.Options)) (*sts.AssumeRoleOutput, error)
}

// Role is the execution role of a mapping. The zero value is no role: clients keep their own credentials.
//
// AWS's condition key aws:SourceArn is not a field here: only AWS's own services can send it. A trust policy can
// distinguish two mappings that share a role by ExternalID, SourceIdentity or Tags.
type Role struct {
	// ARN is the role's ARN: arn:aws:iam::123456789012:role/ship-orders. Empty means no role.
	ARN string

	// ExternalID is the secret that the trust policy may require (sts:ExternalId), 2 to 1,224 characters. Empty: none.
	ExternalID string

	// SessionName is the name of the session, 2 to 64 characters. Empty: one in the form of
	// AWS Lambda's poller, awslambda_<n>_<yyyyMMddHHmmssSSS>.
	SessionName string

	// SourceIdentity is shown in CloudTrail, and kept when the session assumes other roles; 2 to 256 characters. The trust
	// policy must then allow sts:SetSourceIdentity. Empty: none.
	SourceIdentity string

	// Tags are the session's tags, at most 50, with keys of 1 to 128 characters that differ in more than their case, and
	// values of up to 256. The trust policy must then allow sts:TagSession.
	Tags map[string]string

	// SessionPolicy is an IAM policy document, at most 2,048 characters, that restricts the session: it may do what
	// both the role and the document allow, for example the output of [PolicyDocument] for one mapping. Empty: all of
	// the role.
	SessionPolicy string

	// Duration is how long credentials live, in whole seconds from 15 minutes to 12 hours, and at most what the role
	// allows. 0 means 1 hour.
	Duration time.Duration

	// RenewBefore is how long before their end credentials are renewed; less than Duration. 0 means 5 minutes, or a
	// third of a Duration under 15.
	RenewBefore time.Duration

	// Logger gets a line when credentials cannot be renewed and when they can again. nil means slog.Default().
	Logger *slog.Logger
}

// Config returns a copy of cfg whose credentials are a session of the role, obtained with the credentials of cfg.
// Clients made from it act as the role: Kinesis, the destinations, the function. Without a role it returns cfg
// unchanged. It makes no call. Call it once for each mapping: all clients of one result share one session. A
// BaseEndpoint in cfg is STS's, too: for emulators, set it later, with each client.
func (r Role) Config(cfg aws.Config) (aws.Config, error) {
	if r.ARN == "" {
		return cfg, nil
	}
	p, err := r.Provider(sts.NewFromConfig(cfg))
	if err != nil {
		return aws.Config{}, err
	}
	cfg = cfg.Copy()
	cfg.Credentials = p
	return cfg, nil
}

// Provider returns the credentials of one session of the role. It makes no call. It returns all violations of the Role,
// joined.
func (r Role) Provider(client Client) (*Provider, error) {
	if err := r.validate(client); err != nil {
		return nil, err
	}
	r = r.withDefaults()
	assume := stscreds.NewAssumeRoleProvider(client, r.ARN, r.options)
	s := &source{role: r, assume: assume}
	return &Provider{role: r, cache: aws.NewCredentialsCache(s)}, nil
}

// options passes the Role to the SDK.
func (r Role) options(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName = r.SessionName
	o.Duration = r.Duration
	if r.ExternalID != "" {
		o.ExternalID = &r.ExternalID
	}
	if r.SourceIdentity != "" {
		o.SourceIdentity = &r.SourceIdentity
	}
	if r.SessionPolicy != "" {
		o.Policy = &r.SessionPolicy
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		o.Tags = append(o.Tags, types.Tag{Key: aws.String(key), Value: aws.String(r.Tags[key])})
	}
}

func (r Role) withDefaults() Role {
	if r.SessionName == "" {
		r.SessionName = sessionName(time.Now())
	}
	if r.Duration == 0 {
		r.Duration = defaultDuration
	}
	if r.RenewBefore == 0 {
		r.RenewBefore = min(defaultRenewBefore, r.Duration/3)
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r
}

// The forms are those of the STS API reference, AssumeRole.
var (
	nameForm       = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	identityForm   = regexp.MustCompile(`^[\w+=,.@-]{2,256}$`)
	externalIDForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	tagForm        = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	policyForm     = regexp.MustCompile(`^[\t\n\r -\x{FF}]*$`)
)

// maxExternalID is the longest ExternalID.
const maxExternalID = 1224

// fitExternalID reports whether STS accepts an ExternalID.
func fitExternalID(s string) bool { return len(s) <= maxExternalID && externalIDForm.MatchString(s) }

// validate returns all violations.
func (r Role) validate(client Client) error {
	var errs []error
	bad := func(field string, value any, bound string) {
		errs = append(errs, fmt.Errorf("role: %s is %v, must be %s", field, value, bound))
	}
	if client == nil {
		bad("client", "nil", "an STS client")
	}
	if _, err := arns.Role.Parse(r.ARN); err != nil {
		bad("ARN", fmt.Sprintf("%q", r.ARN), "arn:PARTITION:iam::ACCOUNT:role/NAME ("+err.Error()+")")
	}
	if r.ExternalID != "" && !fitExternalID(r.ExternalID) {
		bad("ExternalID", "unfit", "2 to 1,224 letters, digits and _+=,.@:/-") // it is a kind of secret
	}
	if r.SessionName != "" && !nameForm.MatchString(r.SessionName) {
		bad("SessionName", fmt.Sprintf("%q", r.SessionName), "2 to 64 letters, digits and _+=,.@-")
	}
	if r.SourceIdentity != "" && !identityForm.MatchString(r.SourceIdentity) {
		bad("SourceIdentity", fmt.Sprintf("%q", r.SourceIdentity), "2 to 256 letters, digits and _+=,.@-")
	}
	r.validateTags(bad)
	if n := utf8.RuneCountInString(r.SessionPolicy); n > 2048 {
		bad("SessionPolicy", fmt.Sprintf("%d characters long", n), "at most 2,048")
	}
	if !policyForm.MatchString(r.SessionPolicy) {
		bad("SessionPolicy", "of other characters", "Latin-1 text")
	}
	if d := r.Duration; d != 0 && (d < 15*time.Minute || d > 12*time.Hour || d%time.Second != 0) {
		bad("Duration", d, "0 or whole seconds from 15m0s to 12h0m0s")
	}
	if d := r.withDefaults().Duration; r.RenewBefore < 0 || r.RenewBefore >= d {
		bad("RenewBefore", r.RenewBefore, fmt.Sprintf("at least 0s and less than the Duration, %v", d))
	}
	return errors.Join(errs...)
}

// validateTags reports the violations of the session's tags.
func (r Role) validateTags(bad func(field string, value any, bound string)) {
	if len(r.Tags) > 50 {
		bad("Tags", fmt.Sprintf("%d tags", len(r.Tags)), "at most 50")
	}
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		value, lower := r.Tags[key], strings.ToLower(key)
		if n := utf8.RuneCountInString(key); n < 1 || n > 128 || !tagForm.MatchString(key) || strings.HasPrefix(lower, "aws:") {
			bad("Tags", fmt.Sprintf("of the key %q", key), "of keys of 1 to 128 letters, digits, spaces and _.:/=+-@ that do not begin with aws:")
		}
		if utf8.RuneCountInString(value) > 256 || !tagForm.MatchString(value) {
			bad("Tags", fmt.Sprintf("%q for the key %q", value, key), "up to 256 letters, digits, spaces and _.:/=+-@")
		}
		if other, twice := seen[lower]; twice {
			bad("Tags", fmt.Sprintf("of the keys %q and %q", other, key), "of keys that differ in more than their case")
		}
		seen[lower] = key
	}
}
