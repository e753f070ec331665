package serve

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// The default addresses of the server.
const (
	defaultListen = "127.0.0.1:4580"
	defaultAdmin  = "127.0.0.1:4581"
	defaultStream = "127.0.0.1:4568"
)

// anyFunction is the name of the fallback function.
const anyFunction = "*"

// complete fills in defaults.
func (c *config) complete(getenv func(string) string) {
	c.Listen = cmp.Or(c.Listen, defaultListen)
	if id, s := getenv("SHARDMILL_ACCESS_KEY_ID"), getenv("SHARDMILL_SECRET_ACCESS_KEY"); id != "" || s != "" {
		c.Keys = append(c.Keys, key{ID: id, Secret: secret(s)})
	}
	c.Region = cmp.Or(c.Region, getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if c.Kinesis != (kinesisConfig{}) {
		c.Region = cmp.Or(c.Region, "us-east-1")
	}
	if a := c.Admin; a != nil {
		a.complete(getenv)
	}
	if e := c.Kinesis.Embedded; e != nil {
		e.Listen = cmp.Or(e.Listen, defaultStream)
		for i := range e.Streams {
			e.Streams[i].Shards = cmp.Or(e.Streams[i].Shards, 1)
		}
	}
}

// violations collects the violations of a configuration, each with its place in the file.
type violations struct {
	config *config
	errs   []error
}

// add records a violation. Its text shows no value, because a secret may be in the wrong place.
func (v *violations) add(ok bool, path, format string, args ...any) {
	if !ok {
		v.errs = append(v.errs, fmt.Errorf("%s: %s", v.config.where(path), fmt.Sprintf(format, args...)))
	}
}

// validate returns all violations of a configuration.
func (c *config) validate() error {
	v := violations{config: c}
	v.add(isAddress(c.Listen), "listen", "must be %s", addressForm)
	v.add(c.Region != "", "region", "must be set, here or as AWS_REGION")
	v.add(c.Region == "" || regionForm.MatchString(c.Region), "region", "must be the name of a region, such as us-east-1")
	v.add(c.Account == "" || accountForm.MatchString(c.Account), "account", "must have 12 digits")
	v.add(c.Drain >= 0, "drain", "must not be negative")
	v.add(c.Store.Bolt == "" || c.Store.DynamoDB == nil, "store", "has both bolt and dynamodb")
	v.add(c.TLS == nil || c.TLS.Certificate != "" && c.TLS.Key != "", "tls", "must have certificate and key")
	v.admin(c.Admin)
	v.keys(c.Keys)
	v.kinesis(c.Kinesis)
	v.endpoints(c)
	v.add(len(c.Functions) > 0, "functions", "must have at least one")
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		v.function(name, c.Functions[name])
	}
	return errors.Join(v.errs...)
}

// The forms of names.
var (
	regionForm  = regexp.MustCompile(`^[a-z0-9-]+$`)
	accountForm = regexp.MustCompile(`^\d{12}$`)
	streamForm  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	headerForm  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// addressForm describes the form that isAddress checks.
const addressForm = "HOST:PORT with a PORT of 0 to 65535"

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// keyID is the form of an access key ID. One of another form may be a secret in the wrong place, so no error shows it.
var keyID = regexp.MustCompile(`^\w+$`)

func (v *violations) keys(keys []key) {
	seen := map[string]bool{}
	for i, k := range keys {
		path := fmt.Sprintf("keys[%d]", i)
		v.add(k.ID != "" && k.Secret != "", path, "has an empty id or secret")
		v.add(k.ID == "" || keyID.MatchString(k.ID), path+".id", "has other characters than letters, digits and _")
		v.add(!seen[k.ID], path+".id", "is that of another key, too")
		seen[k.ID] = true
	}
}

func (v *violations) kinesis(c kinesisConfig) {
	v.add(c.Endpoint == "" || c.Embedded == nil, "kinesis", "has both endpoint and embedded")
	if c.Embedded == nil {
		return
	}
	v.add(isAddress(c.Embedded.Listen), "kinesis.embedded.listen", "must be %s", addressForm)
	seen := map[string]bool{}
	for i, s := range c.Embedded.Streams {
		path := fmt.Sprintf("kinesis.embedded.streams[%d]", i)
		v.add(streamForm.MatchString(s.Name), path+".name", "must be 1 to 128 of the characters a-z, A-Z, 0-9, _, - and .")
		v.add(!seen[s.Name], path+".name", "is that of another stream, too")
		v.add(s.Shards > 0 && s.Shards <= maxShards, path+".shards", "must be 1 to %d", maxShards)
		seen[s.Name] = true
	}
}

// maxShards bounds the shards of an embedded stream, so that a typing error does not fill the memory.
const maxShards = 10_000

func (v *violations) endpoints(c *config) {
	all := map[string]string{
		"kinesis.endpoint": c.Kinesis.Endpoint, "endpoints.lambda": c.Endpoints.Lambda, "endpoints.sts": c.Endpoints.STS,
		"endpoints.sqs": c.Endpoints.SQS, "endpoints.sns": c.Endpoints.SNS, "endpoints.s3": c.Endpoints.S3,
	}
	if c.Store.DynamoDB != nil {
		all["store.dynamodb.endpoint"] = c.Store.DynamoDB.Endpoint
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		v.add(all[path] == "" || isURL(all[path]), path, "must be an http:// or https:// URL")
		v.add(!hasMore(all[path]), path, "must have no user, password, query or fragment")
	}
}

// isURL reports whether a text is the URL of a server. The URL may contain a password, so no error shows it.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// hasMore reports whether a URL has parts that AWS's clients do not use and that would show in their errors.
func hasMore(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "")
}
