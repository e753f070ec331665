package serve

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// maxTimeout is the longest timeout of a mapping's invocation.
const maxTimeout = 24 * time.Hour

func (v *violations) function(name string, f functionConfig) {
	path := "functions." + name
	v.add(name == anyFunction || isFunction(name), path, "must be named NAME, NAME:ALIAS or by the ARN of a function")
	kinds := kindsOf(f)
	if len(kinds) != 1 {
		v.add(false, path, "must have one of command, url, lambda and builtin, has %s", orNone(strings.Join(kinds, " and ")))
		return
	}
	v.only(path, kinds[0], f)
	v.add(f.Timeout >= 0 && f.Timeout <= maxTimeout, path+".timeout", "must be 0s to %s", maxTimeout)
	v.add(f.URL == "" || isURL(string(f.URL)), path+".url", "must be an http:// or https:// URL")
	v.add(f.Builtin == "" || builtins[f.Builtin] != nil, path+".builtin", "must be one of %s",
		strings.Join(slices.Sorted(maps.Keys(builtins)), ", "))
	v.add(f.Lambda == "" || f.Lambda != "false" && isFunction(f.Lambda), path+".lambda", "must be true, a name or an ARN")
	v.add(name != anyFunction || f.Lambda == "true", path, "stands for all functions that have no other name, and must be lambda: true")
	v.add(f.ExternalID == "" || f.Role != "", path+".externalId", "goes with role")
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		v.add(variableForm.MatchString(name), path+".environment."+name, "must be the name of a variable: letters, digits and _")
	}
	v.add(f.Role == "" || roleForm.MatchString(f.Role), path+".role", "must be the ARN of a role")
	for _, header := range slices.Sorted(maps.Keys(f.Headers)) {
		at := path + ".headers." + header
		v.add(headerForm.MatchString(header), at, "must be the name of a header")
		v.add(!strings.ContainsAny(string(f.Headers[header]), "\r\n\x00"), at, "must be one line")
	}
}

// The forms of a function's settings. The form of roles is in package role, whose errors show the value.
var (
	variableForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	roleForm     = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
)

// isFunction reports whether a function can have the name, with any source.
func isFunction(name string) bool {
	_, err := mapping.FunctionARN(name, "arn:aws:kinesis:us-east-1:123456789012:stream/any")
	return err == nil && (strings.HasPrefix(name, "arn:") || !strings.Contains(name, "function:"))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// kindsOf returns the kinds of function that a configuration has.
func kindsOf(f functionConfig) (kinds []string) {
	for kind, has := range map[string]bool{
		"command": len(f.Command) > 0, "url": f.URL != "", "lambda": f.Lambda != "", "builtin": f.Builtin != "",
	} {
		if has {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// only checks that a function has no settings of another kind.
func (v *violations) only(path, kind string, f functionConfig) {
	for _, s := range []struct {
		setting, kind string
		set           bool
	}{
		{"dir", "command", f.Dir != ""},
		{"handler", "command", f.Handler != ""},
		{"environment", "command", f.Environment != nil},
		{"maxProcesses", "command", f.MaxProcesses != 0},
		{"outputRate", "command", f.OutputRate != 0},
		{"headers", "url", f.Headers != nil},
	} {
		v.add(!s.set || s.kind == kind, path+"."+s.setting, "goes with %s", s.kind)
	}
}
