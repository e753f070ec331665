package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Addresses that the server has unless it is given others.
const (
	defaultListen = "127.0.0.1:4580"
	defaultStream = "127.0.0.1:4568"
)

// anyFunction is the name of the function that is all those that have no other.
const anyFunction = "*"

// complete fills in what a file need not say.
func (c *config) complete(getenv func(string) string) {
	c.Listen = cmp.Or(c.Listen, defaultListen)
	if id, s := getenv("SHARDMILL_ACCESS_KEY_ID"), getenv("SHARDMILL_SECRET_ACCESS_KEY"); id != "" || s != "" {
		c.Keys = append(c.Keys, key{ID: id, Secret: secret(s)})
	}
	c.Region = cmp.Or(c.Region, getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if c.Kinesis != (kinesisConfig{}) {
		c.Region = cmp.Or(c.Region, "us-east-1")
	}
	if e := c.Kinesis.Embedded; e != nil {
		e.Listen = cmp.Or(e.Listen, defaultStream)
		for i := range e.Streams {
			e.Streams[i].Shards = cmp.Or(e.Streams[i].Shards, 1)
		}
	}
}

// violations gathers what is wrong with a configuration, each with its place in the file.
type violations []error

func (v *violations) add(ok bool, place, format string, args ...any) {
	if !ok {
		*v = append(*v, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
	}
}

// validate returns all that is wrong with a configuration.
func (c *config) validate() error {
	var v violations
	_, _, err := net.SplitHostPort(c.Listen)
	v.add(err == nil, "listen", "is %q, must be HOST:PORT", c.Listen)
	v.add(c.Region != "", "region", "must be set, here or as AWS_REGION")
	v.add(c.Drain >= 0, "drain", "is %s, must not be negative", c.Drain)
	v.add(c.Store.Bolt == "" || c.Store.DynamoDB == nil, "store", "has both bolt and dynamodb")
	v.add(c.TLS == nil || c.TLS.Certificate != "" && c.TLS.Key != "", "tls", "must have certificate and key")
	v.keys(c.Keys)
	v.kinesis(c.Kinesis)
	v.endpoints(c)
	v.add(len(c.Functions) > 0, "functions", "must have at least one")
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		v.function(name, c.Functions[name])
	}
	return errors.Join(v...)
}

// keyID is the form of an access key. One that has another form may be a secret in the wrong place, so that no error shows it.
var keyID = regexp.MustCompile(`^\w+$`)

func (v *violations) keys(keys []key) {
	seen := map[string]bool{}
	for i, k := range keys {
		v.add(k.ID != "" && k.Secret != "", "keys", "number %d has an empty id or secret", i+1)
		v.add(k.ID == "" || keyID.MatchString(k.ID), "keys", "number %d has an id with other characters than letters, digits and _", i+1)
		v.add(!seen[k.ID], "keys", "number %d has an id that another one has", i+1)
		seen[k.ID] = true
	}
}

func (v *violations) kinesis(c kinesisConfig) {
	v.add(c.Endpoint == "" || c.Embedded == nil, "kinesis", "has both endpoint and embedded")
	if c.Embedded == nil {
		return
	}
	_, _, err := net.SplitHostPort(c.Embedded.Listen)
	v.add(err == nil, "kinesis.embedded.listen", "is %q, must be HOST:PORT", c.Embedded.Listen)
	for i, s := range c.Embedded.Streams {
		v.add(s.Name != "", "kinesis.embedded.streams", "number %d has no name", i+1)
		v.add(s.Shards > 0 && s.Shards <= maxShards, "kinesis.embedded.streams", "number %d has %d shards, must have 1 to %d",
			i+1, s.Shards, maxShards)
	}
}

// maxShards bounds the shards of an embedded stream: a typing error is no reason to fill the memory.
const maxShards = 10_000

func (v *violations) endpoints(c *config) {
	all := map[string]string{
		"kinesis.endpoint": c.Kinesis.Endpoint, "endpoints.lambda": c.Endpoints.Lambda, "endpoints.sts": c.Endpoints.STS,
		"endpoints.sqs": c.Endpoints.SQS, "endpoints.sns": c.Endpoints.SNS, "endpoints.s3": c.Endpoints.S3,
	}
	if c.Store.DynamoDB != nil {
		all["store.dynamodb.endpoint"] = c.Store.DynamoDB.Endpoint
	}
	for _, place := range slices.Sorted(maps.Keys(all)) {
		v.add(all[place] == "" || isURL(all[place]), place, "must be an http:// or https:// URL")
		v.add(!hasUser(all[place]), place, "must have no user and no password")
	}
}

// isURL tells whether a text is the URL of a server. The URL may have a password in it, so that no error shows it.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// hasUser tells whether a URL has a user in it, who is of no use to AWS's clients and would show in their errors.
func hasUser(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User != nil
}

func (v *violations) function(name string, f functionConfig) {
	place := "functions." + name
	var kinds []string
	for kind, has := range map[string]bool{
		"command": len(f.Command) > 0, "url": f.URL != "", "lambda": f.Lambda != "", "builtin": f.Builtin != "",
	} {
		if has {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	if len(kinds) != 1 {
		v.add(false, place, "must have one of command, url, lambda and builtin, has %d: %s", len(kinds), strings.Join(kinds, ", "))
		return
	}
	v.only(place, kinds[0], f)
	v.add(f.Timeout >= 0, place, "timeout is %s, must not be negative", f.Timeout)
	v.add(f.URL == "" || isURL(string(f.URL)), place, "url must be an http:// or https:// URL")
	v.add(f.Builtin == "" || builtins[f.Builtin] != nil, place, "builtin is %q, must be one of %s", f.Builtin,
		strings.Join(slices.Sorted(maps.Keys(builtins)), ", "))
	v.add(f.Lambda != "false", place, "lambda must be true, a name or an ARN")
	v.add(name != anyFunction || f.Lambda == "true", place, "stands for all functions that have no other name, and must be lambda: true")
	v.add(f.ExternalID == "" || f.Role != "", place, "externalId goes with role")
}

// only checks that a function has no settings of another kind.
func (v *violations) only(place, kind string, f functionConfig) {
	for _, s := range []struct {
		setting, kind string
		set           bool
	}{
		{"dir", "command", f.Dir != ""},
		{"handler", "command", f.Handler != ""},
		{"environment", "command", f.Environment != nil},
		{"maxProcesses", "command", f.MaxProcesses != 0},
		{"headers", "url", f.Headers != nil},
	} {
		v.add(!s.set || s.kind == kind, place, "%s goes with %s", s.setting, s.kind)
	}
}
