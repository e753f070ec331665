package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// none is an environment without variables.
func none(string) string { return "" }

func TestDocumentedFileIsGood(t *testing.T) {
	for _, name := range []string{"OPERATOR_SECRET", "SHIP_TOKEN", "EXTERNAL_ID", "BILL_TOKEN"} {
		t.Setenv(name, "from-"+name)
	}
	c, err := readConfig("testdata/server.yaml")
	require.NoError(t, err)
	c.complete(none)
	require.NoError(t, c.validate())
	assert.Equal(t, []key{{"AKIDOPERATOR", "from-OPERATOR_SECRET"}}, c.Keys)
	assert.Equal(t, []streamConfig{{"orders", 2}}, c.Kinesis.Embedded.Streams)
	ship := c.Functions["ship-orders"]
	assert.Equal(t, []string{"./ship/bootstrap"}, ship.Command)
	assert.Equal(t, map[string]string{"TABLE": "shipments", "TOKEN": "from-SHIP_TOKEN"}, reveal(ship.Environment))
	assert.Equal(t, 30*time.Second, ship.Timeout)
	assert.Equal(t, "true", c.Functions["*"].Lambda)

	ship.Command, ship.Dir = []string{os.Args[0]}, "" // a program that is there
	c.Functions["ship-orders"] = ship
	a, err := newAccount(t.Context(), &c, "", slog.Default())
	require.NoError(t, err)
	f, err := newFunctions(&c, a, io.Discard, slog.Default())
	require.NoError(t, err)
	defer f.Close()
	function, err := f.ResolveFunction(t.Context(), "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:prod")
	require.NoError(t, err)
	assert.Equal(t, ship.Role, function.Role.ARN())
}

func TestJSONIsRead(t *testing.T) {
	c, err := parseConfig([]byte(`{"region": "eu-west-1", "functions": {"print": {"builtin": "print", "timeout": "5s"}}}`))
	require.NoError(t, err)
	assert.Equal(t, 5*time.Second, c.Functions["print"].Timeout)
}

func TestBadFilesAreRefusedWithTheLine(t *testing.T) {
	for file, want := range map[string]string{
		"listen: x\nlisen: y":                           `line 2: the key "lisen" is not known here`,
		"functions:\n  print:\n    bultin: print":       `line 3: the key "bultin" is not known here`,
		"store: {dynamodb: {tabel: x}}":                 `line 1: the key "tabel" is not known here`,
		"drain: 30":                                     `line 1: is a int, must be a duration, such as "30s"`,
		"drain: thirty":                                 `line 1: is a str, must be a duration, such as "30s"`,
		"hosts: a.example":                              "line 1: is a str, must be a list",
		"store: memory":                                 "line 1: is a str, must be a mapping of keys",
		"store: {dynamodb: {noCreate: often}}":          "line 1: is a str, must be a bool",
		"keys: [{id: a, secret: [b]}]":                  "line 1: must be a string",
		"keys: [{id: a, secret: $SHARDMILL_NOT_SET}]":   "line 1: the environment variable that is named here is not set",
		"region: a\nregion: b":                          "already defined at line 1",
		"a: b: c":                                       "mapping values are not allowed",
		"region: a\n---\nregion: b":                     "more than one document",
		"region: a\n--- {":                              "more than one document",
		`{"functions": {"f": {"builtin": "print"}}}, 1`: "more than one document",
	} {
		_, err := parseConfig([]byte(file))
		require.ErrorContains(t, err, want, file)
	}
}

func TestMeaninglessConfigurationsAreRefused(t *testing.T) {
	for file, want := range map[string]string{
		"listen: 127.0.0.1":              `listen: is "127.0.0.1", must be HOST:PORT`,
		"drain: -1s":                     "drain: is -1s, must not be negative",
		"store: {bolt: a, dynamodb: {}}": "store: has both bolt and dynamodb",
		"keys: [{id: a}]":                "keys: number 1 has an empty id or secret",
		"keys: [{id: a, secret: b}, {id: a, secret: c}]":               "keys: number 2 has an id that another one has",
		"keys: [{id: a/b, secret: c}]":                                 "keys: number 1 has an id with other characters",
		"tls: {key: a}":                                                "tls: must have certificate and key",
		"kinesis: {endpoint: 'http://a', embedded: {}}":                "kinesis: has both endpoint and embedded",
		"kinesis: {embedded: {streams: [{shards: 1}]}}":                "kinesis.embedded.streams: number 1 has no name",
		"kinesis: {embedded: {streams: [{name: a, shards: -1}]}}":      "number 1 has -1 shards",
		"kinesis: {embedded: {listen: a}}":                             "kinesis.embedded.listen: is",
		"endpoints: {sqs: localhost}":                                  "endpoints.sqs: must be an http:// or https:// URL",
		"endpoints: {sts: 'http://a:b@c'}":                             "endpoints.sts: must have no user",
		"store: {dynamodb: {endpoint: x}}":                             "store.dynamodb.endpoint: must be",
		"region: a":                                                    "functions: must have at least one",
		"functions: {f: {}}":                                           "functions.f: must have one of command, url, lambda and builtin, has 0",
		"functions: {f: {builtin: print, url: 'http://a'}}":            "has 2: builtin, url",
		"functions: {f: {builtin: prnt}}":                              `builtin is "prnt", must be one of count, fail, print`,
		"functions: {f: {url: a}}":                                     "functions.f: url must be",
		"functions: {f: {lambda: false}}":                              "lambda must be true, a name or an ARN",
		"functions: {f: {lambda: a, dir: b}}":                          "functions.f: dir goes with command",
		"functions: {f: {command: [a], headers: {}}}":                  "functions.f: headers goes with url",
		"functions: {f: {builtin: print, timeout: -1s}}":               "functions.f: timeout is -1s",
		"functions: {f: {builtin: print, externalId: abc}}":            "functions.f: externalId goes with role",
		"functions: {'*': {builtin: print}}":                           "must be lambda: true",
		"functions: {f: {builtin: print}}":                             "region: must be set",
		"functions: {f: {builtin: print, maxProcesses: 2}}\ndrain: 1s": "functions.f: maxProcesses goes with command",
	} {
		c, err := parseConfig([]byte(file))
		require.NoError(t, err, file)
		c.complete(none)
		require.ErrorContains(t, c.validate(), want, file)
	}
}

func TestWhatIsWrongIsToldAtOnce(t *testing.T) {
	c, err := parseConfig([]byte("drain: -1s\nlisten: a"))
	require.NoError(t, err)
	c.complete(none)
	for _, want := range []string{"drain", "listen", "functions"} {
		require.ErrorContains(t, c.validate(), want)
	}
}

func TestBadRoleIsRefused(t *testing.T) {
	c, err := parseConfig([]byte("region: a\nfunctions: {f: {builtin: print, role: x, externalId: hush-hush}}"))
	require.NoError(t, err)
	a, err := newAccount(t.Context(), &c, "", slog.Default())
	require.NoError(t, err)
	_, err = newFunctions(&c, a, io.Discard, slog.Default())
	require.ErrorContains(t, err, `functions.f: role: ARN is "x"`)
}

func TestErrorsOfFilesTellNoSecret(t *testing.T) {
	const hush = "hush-hush"
	for _, file := range []string{
		"keys: " + hush, "keys: [" + hush + "]", "keys: {a: " + hush + "}", "keys: [{id: a, secret: *" + hush + "}]",
		"keys: [{id: a, secret: " + hush + ", secret: " + hush + "}]", "keys: [{id: a, secret: " + hush, "keys: [{id: a, secret: !!int " + hush + "}]",
		"functions: {f: {url: 'http://user:" + hush + "@h:x'}}", "functions: {f: {url: 'http:// user:" + hush + "@h'}}",
		"functions: {f: {url: '" + hush + "'}}", "kinesis: {endpoint: 'http://user:" + hush + "@h:x'}", "drain: " + hush,
		"endpoints: {s3: 'http://user:" + hush + "@h'}", "functions: {f: {headers: " + hush + "}}", "keys: [{id: a, secret: $" + hush + "}]", "keys: `" + hush + "`",
		"keys: [{id: 'a/" + hush + "', secret: b}]", "keys: \"a\n" + hush + "`\n\"",
	} {
		c, err := parseConfig([]byte(file))
		if err == nil {
			c.complete(none)
			err = c.validate()
		}
		require.Error(t, err, file)
		assert.NotContains(t, err.Error(), hush, file)
	}
}

func TestSecretsShowAsStars(t *testing.T) {
	k := key{"a", "hush"}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "key", k, "secret", k.Secret, "all", map[string]secret{"b": "hush"})
	}
	text := log.String() + fmt.Sprintf("%v %+v %#v %s %q %x", k, k, k, k.Secret, k.Secret, k.Secret)
	assert.NotContains(t, text, "hush")
	assert.NotContains(t, text, fmt.Sprintf("%x", "hush"))
}

func TestDollarStandsForTheEnvironment(t *testing.T) {
	t.Setenv("SHARDMILL_TEST_SECRET", "from outside")
	c, err := parseConfig([]byte("functions: {f: {command: [a], environment: {a: $SHARDMILL_TEST_SECRET, b: $$x, c: 'a$b', d: ''}}}"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "from outside", "b": "$x", "c": "a$b", "d": ""}, reveal(c.Functions["f"].Environment))
}

func TestKeyFromTheEnvironment(t *testing.T) {
	c := builtinConfig()
	c.complete(func(name string) string { return strings.ToLower(name) })
	require.NoError(t, c.validate())
	assert.Equal(t, []key{{"shardmill_access_key_id", "shardmill_secret_access_key"}}, c.Keys)
	c = builtinConfig()
	c.complete(func(name string) string {
		if name == "SHARDMILL_ACCESS_KEY_ID" {
			return "a"
		}
		return ""
	})
	require.ErrorContains(t, c.validate(), "empty id or secret", "half a key is a mistake, not none")
}

func TestBadFlagsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(file, []byte("region: a\nfunctions: {f: {builtin: print}}"), 0o600))
	for want, args := range map[string][]string{
		"unexpected argument":     {"x"},
		"-log is \"xml\"":         {"-log", "xml"},
		"-data goes without":      {"-data", "x", "-config", file},
		"-stream-listen: the con": {"-stream-listen", "127.0.0.1:0", "-config", file},
		"not defined: -x":         {"-x"},
		"no such file":            {"-config", file + "x"},
		"must be HOST:PORT":       {"-listen", "x"},
	} {
		err := run(t.Context(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, errUsage)
		assert.Equal(t, 2, exitCode(err))
	}
	assert.Zero(t, exitCode(run(t.Context(), []string{"-h"}, io.Discard, io.Discard)))
}
