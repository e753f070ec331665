package serve

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
)

// none is an environment without variables.
func none(string) string { return "" }

func TestDocumentedFileIsGood(t *testing.T) {
	for _, name := range []string{"OPERATOR_SECRET", "SHIP_TOKEN", "EXTERNAL_ID", "BILL_TOKEN", "ADMIN_TOKEN"} {
		t.Setenv(name, "from-"+name)
	}
	c, err := readConfig("../../server.yaml")
	require.NoError(t, err)
	c.complete(none)
	require.NoError(t, c.validate())
	assert.Equal(t, []key{{"AKIDOPERATOR", "from-OPERATOR_SECRET"}}, c.Keys)
	assert.Equal(t, &adminConfig{Listen: "127.0.0.1:4581", Token: "from-ADMIN_TOKEN"}, c.Admin)
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
	c, err := parseConfig("server.yaml", []byte(`{"region": "eu-west-1", "functions": {"print": {"builtin": "print", "timeout": "5s"}}}`))
	require.NoError(t, err)
	assert.Equal(t, 5*time.Second, c.Functions["print"].Timeout)
}

func TestBadFilesAreRefusedWithTheLine(t *testing.T) {
	for file, want := range map[string]string{
		"listen: x\nlisen: y":                           `server.yaml: line 2: there is an unknown key`,
		"functions:\n  print:\n    bultin: print":       `server.yaml: line 3: there is an unknown key in functions.<name>`,
		"store: {dynamodb: {tabel: x}}":                 `line 1: there is an unknown key in store.dynamodb`,
		"drain: 30":                                     `server.yaml: line 1: drain: is a whole number, must be a duration, such as "30s"`,
		"drain: thirty":                                 `line 1: drain: is a string, must be a duration, such as "30s"`,
		"hosts: a.example":                              "line 1: hosts: is a string, must be a list",
		"store: memory":                                 "line 1: store: is a string, must be a mapping of keys",
		"store: {dynamodb: {noCreate: often}}":          "line 1: store.dynamodb.noCreate: is a string, must be true or false",
		"keys: [{id: a, secret: [b]}]":                  "server.yaml: line 1: keys[0].secret: must be a string",
		"keys: [{id: a, secret: $SHARDMILL_NOT_SET}]":   "server.yaml: line 1: keys[0].secret: the environment variable with this name is not set",
		"region: a\nregion: b":                          "server.yaml: line 2: a key is the same as on line 1",
		"functions: {f: {builtin: print}":               "server.yaml: yaml: line 1: did not find expected ',' or '}'",
		"a: b: c":                                       "server.yaml: yaml: mapping values are not allowed",
		"region: a\n---\nregion: b":                     "more than one document",
		"region: a\n--- {":                              "more than one document",
		`{"functions": {"f": {"builtin": "print"}}}, 1`: "more than one document",
	} {
		_, err := parseConfig("server.yaml", []byte(file))
		require.ErrorContains(t, err, want, file)
	}
}

func TestMeaninglessConfigurationsAreRefused(t *testing.T) {
	for file, want := range map[string]string{
		"listen: 127.0.0.1":              `server.yaml: line 1: listen: must be HOST:PORT with a PORT of 0 to 65535`,
		"drain: -1s":                     "drain: must not be negative",
		"store: {bolt: a, dynamodb: {}}": "store: has both bolt and dynamodb",
		"keys: [{id: a}]":                "server.yaml: line 1: keys[0]: has an empty id or secret",
		"keys: [{id: a, secret: b}, {id: a, secret: c}]":                             "keys[1].id: is that of another key, too",
		"keys: [{id: a/b, secret: c}]":                                               "keys[0].id: has other characters",
		"admin: {listen: a}":                                                         "server.yaml: line 1: admin.listen: must be HOST:PORT",
		"admin: {token: a, tokenFile: b}":                                            "server.yaml: line 1: admin: has both token and tokenFile",
		"admin: {token: 'a b'}":                                                      "server.yaml: line 1: admin.token: must have visible characters",
		"tls: {key: a}":                                                              "tls: must have certificate and key",
		"kinesis: {endpoint: 'http://a', embedded: {}}":                              "kinesis: has both endpoint and embedded",
		"kinesis: {embedded: {streams: [{shards: 1}]}}":                              `kinesis.embedded.streams[0].name: must be`,
		"kinesis: {embedded: {streams: [{name: a, shards: -1}]}}":                    "kinesis.embedded.streams[0].shards: must be 1 to 10000",
		"kinesis: {embedded: {listen: a}}":                                           "kinesis.embedded.listen: must be",
		"endpoints: {sqs: localhost}":                                                "endpoints.sqs: must be an http:// or https:// URL",
		"endpoints: {sts: 'http://a:b@c'}":                                           "endpoints.sts: must have no user",
		"store: {dynamodb: {endpoint: x}}":                                           "store.dynamodb.endpoint: must be",
		"region: a":                                                                  "functions: must have at least one",
		"functions: {f: {}}":                                                         "functions.<name>: must have one of command, url, lambda and builtin, has none",
		"functions: {f: {builtin: print, url: 'http://a'}}":                          "has builtin and url",
		"functions: {f: {builtin: prnt}}":                                            `functions.<name>.builtin: must be one of count, fail, print`,
		"functions: {f: {url: a}}":                                                   "functions.<name>.url: must be",
		"functions: {f: {lambda: false}}":                                            `functions.<name>.lambda: must be true, a name or an ARN`,
		"functions: {f: {lambda: a, dir: b}}":                                        "functions.<name>.dir: goes with command",
		"functions: {f: {command: [a], headers: {}}}":                                "functions.<name>.headers: goes with url",
		"functions: {f: {builtin: print, timeout: -1s}}":                             "functions.<name>.timeout: must be 0s to 24h0m0s",
		"functions: {f: {builtin: print, externalId: abc}}":                          "functions.<name>.externalId: goes with role",
		"functions: {'*': {builtin: print}}":                                         "must be lambda: true",
		"functions: {f: {builtin: print}}":                                           "server.yaml: region: must be set",
		"listen: a:65536":                                                            `listen: must be`,
		"region: us east":                                                            `region: must be the name of a region`,
		"account: '12'":                                                              `account: must have 12 digits`,
		"kinesis: {embedded: {streams: [{name: a b}]}}":                              `streams[0].name: must be`,
		"kinesis: {embedded: {streams: [{name: a}, {name: a}]}}":                     `streams[1].name: is that of another stream`,
		"region: a\nfunctions:\n  f:\n    builtin: print\n  'a b': {builtin: print}": "server.yaml: line 5: functions.<name>: must be named",
		"functions: {'123456789012:function:f': {builtin: print}}":                   "must be named NAME, NAME:ALIAS or by the ARN",
		"functions: {f: {builtin: print, timeout: 25h}}":                             "functions.<name>.timeout: must be 0s to 24h0m0s",
		"functions: {f: {lambda: a b}}":                                              `functions.<name>.lambda: must be`,
		"functions: {f: {url: 'http://a', headers: {a b: c}}}":                       "functions.<name>.headers.<name>: must be the name of a header",
		"functions: {f: {url: 'http://a', headers: {a: \"b\\nc\"}}}":                 "functions.<name>.headers.<name>: must be one line",
		"functions: {f: {builtin: print, maxProcesses: 2}}\ndrain: 1s":               "functions.<name>.maxProcesses: goes with command",
	} {
		c, err := parseConfig("server.yaml", []byte(file))
		require.NoError(t, err, file)
		c.complete(none)
		require.ErrorContains(t, c.validate(), want, file)
	}
}

// A line may have more than one setting that an error of the decoder could mean: then it names none, and never a wrong one.
func TestMistakesNameTheSettingThatTheyMean(t *testing.T) {
	for file, want := range map[string]string{
		"kinesis: {embedded: {streams: [{name: two, shards: two}]}}":                             "server.yaml: line 1: is a string, must be a whole number",
		"kinesis:\n  embedded:\n    streams:\n    - name: two\n      shards: a very long number": "server.yaml: line 5: kinesis.embedded.streams[0].shards: is a string, must be a whole number",
		"functions: {print: {builtin: [a]}, b: x}":                                               "server.yaml: line 1: functions.<name>.builtin: is a list, must be a string\nserver.yaml: line 1: functions.<name>: is a string, must be a mapping of keys",
		"hosts:\n\n- a\n- {b: c}":                                                                "server.yaml: line 4: hosts[1]: is a mapping of keys, must be a string",
		"kinesis:\n  embedded:\n\n    [a]":                                                       "server.yaml: line 4: kinesis.embedded: is a list, must be a mapping of keys",
	} {
		_, err := parseConfig("server.yaml", []byte(file))
		require.EqualError(t, err, want, file)
	}
}

func TestWhatIsWrongIsToldAtOnce(t *testing.T) {
	c, err := parseConfig("server.yaml", []byte("drain: -1s\nlisten: a"))
	require.NoError(t, err)
	c.complete(none)
	for _, want := range []string{"drain", "listen", "functions"} {
		require.ErrorContains(t, c.validate(), want)
	}
}

func TestBadRoleIsRefused(t *testing.T) {
	c, err := parseConfig("server.yaml", []byte("region: a\nfunctions: {f: {builtin: print, role: x, externalId: hush-hush}}"))
	require.NoError(t, err)
	require.ErrorContains(t, c.validate(), "server.yaml: line 2: functions.<name>.role: must be the ARN of a role")
	// What only the library knows is veiled.
	c, err = parseConfig("server.yaml", []byte("region: a\nfunctions: {f: {command: [./no-such-program]}}"))
	require.NoError(t, err)
	c.complete(none)
	require.NoError(t, c.validate())
	a, err := newAccount(t.Context(), &c, "", slog.Default())
	require.NoError(t, err)
	_, err = newFunctions(&c, a, io.Discard, slog.Default())
	require.ErrorContains(t, err, `server.yaml: line 2: functions.<name>: process: Command is "…": exec: "…": `)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, err, cli.ErrUsage)
}

// A missing space after a colon makes the value a part of the key.
func TestMissingSpacesAreRefusedWithoutTheSecret(t *testing.T) {
	for file, want := range map[string]string{
		"functions: {f: {command: [a], environment: {TOKEN:hush}}}":        "line 1: functions.<name>.environment.<name>: has no value; a space may be missing after a colon",
		"functions: {f: {command: [a], environment: {TOKEN:hush: }}}":      "line 1: functions.<name>.environment.<name>: has no value",
		"functions: {f: {command: [a], environment: {TOKEN:hush: x}}}":     "functions.<name>.environment.<name>: must be the name of a variable",
		"functions: {f: {url: 'http://a', headers: {Authorization:hush}}}": "line 1: functions.<name>.headers.<name>: has no value",
		"keys: [{id: a, secret:hush}]":                                     "line 1: there is an unknown key in keys[0]; a space may be missing after a colon",
		"admin: {token:hush}":                                              "line 1: there is an unknown key in admin; a space",
		"admin: {token: }":                                                 "line 1: admin.token: has no value",
		"keys: [{id: a, secret: }]":                                        "line 1: keys[0].secret: has no value",
		"functions: {f: {url:http://hush}}":                                "line 1: there is an unknown key in functions.<name>; a space",
		"kinesis: {endpoint:http://hush}":                                  "line 1: there is an unknown key in kinesis; a space",
		"hush: a\nhush: b":                                                 "line 2: a key is the same as on line 1",
	} {
		c, err := parseConfig("server.yaml", []byte(file))
		if err == nil {
			c.complete(none)
			err = c.validate()
		}
		require.ErrorContains(t, err, "server.yaml: ", file)
		require.ErrorContains(t, err, want, file)
		require.NotContains(t, err.Error(), "hush", file)
	}
}

// TestVocabularyIsWhatTheFileMayHave compares the words that errors may show with the fields of a configuration.
func TestVocabularyIsWhatTheFileMayHave(t *testing.T) {
	words := map[string]bool{}
	var gather func(reflect.Type)
	gather = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			gather(of.Elem())
		case reflect.Struct:
			for field := range of.Fields() {
				if field.IsExported() {
					words[cmp.Or(field.Tag.Get("yaml"), strings.ToLower(field.Name))] = true
					gather(field.Type)
				}
			}
		}
	}
	gather(reflect.TypeFor[config]())
	assert.ElementsMatch(t, slices.Collect(maps.Keys(words)), vocabulary)
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
		c, err := parseConfig("server.yaml", []byte(file))
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
	c, err := parseConfig("server.yaml", []byte("functions: {f: {command: [a], environment: {a: $SHARDMILL_TEST_SECRET, b: $$x, c: 'a$b', d: ''}}}"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "from outside", "b": "$x", "c": "a$b", "d": ""}, reveal(c.Functions["f"].Environment))
}

func TestKeyFromTheEnvironment(t *testing.T) {
	c := builtinConfig()
	c.complete(func(name string) string {
		if !strings.HasPrefix(name, "SHARDMILL_") {
			return ""
		}
		return strings.ToLower(name)
	})
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
	unfit := filepath.Join(t.TempDir(), "unfit.yaml")
	require.NoError(t, os.WriteFile(unfit, []byte("region: A"), 0o600))
	for want, args := range map[string][]string{
		"unexpected argument":               {"x"},
		"-log is \"xml\"":                   {"-log", "xml"},
		"-data cannot be combined":          {"-data", "x", "-config", file},
		"-stream-listen: the con":           {"-stream-listen", "127.0.0.1:0", "-config", file},
		"not defined: -x":                   {"-x"},
		"no such file":                      {"-config", file + "x"},
		"-listen: must be HOST:PORT":        {"-listen", "x"},
		"-stream-listen: must be HOST:PORT": {"-stream-listen", "x"},
		"line 1: region: must":              {"-config", unfit},
	} {
		err := Run(t.Context(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, cli.ErrUsage)
	}
	require.ErrorIs(t, Run(t.Context(), []string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestVeilHidesValuesAndKeepsWords(t *testing.T) {
	c, err := parseConfig("server.yaml", []byte("functions: {at: {command: ['/srv/a\"b', sh, 12345], maxProcesses: 2, environment: {TOP: 'true'}}}"))
	require.NoError(t, err)
	failure := fmt.Errorf("run %q or sh at /srv/a\"b/lib, not should, with 12345 of 2: true TOP: %w", "/srv/a\"b", fs.ErrNotExist)
	err = c.veil(failure)
	assert.EqualError(t, err, `run "…" or … … …/lib, not should, with … of 2: … …: file does not exist`)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoError(t, c.veil(nil))
}
