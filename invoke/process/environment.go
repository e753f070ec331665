package process

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"
)

// inherited are the variables of this process that a function sees: paths of this machine, and the language. The
// function gets others, above all credentials, only from Config.Environment.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
	// Windows: without them most programs do not start.
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
}

// reserved are the variables that the package sets from other fields.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "LAMBDA_TASK_ROOT",
}

// credentialKeys are the variables that would make an SDK ignore Config.Credentials.
var credentialKeys = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// checkEnvironment returns the variables of the function that are not allowed.
func (c *Config) checkEnvironment() error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		switch {
		case slices.Contains(reserved, key):
			errs = append(errs, fmt.Errorf("process: Environment has %s, which the package sets", key))
		case c.Credentials != nil && slices.Contains(credentialKeys, key):
			errs = append(errs, fmt.Errorf("process: Environment has %s, which would hide Credentials", key))
		}
	}
	return errors.Join(errs...)
}

// environment returns the variables that all processes of the function share. Later entries override earlier ones.
func (c *Config) environment() []string {
	var env []string
	set := func(key, value string) { env = append(env, key+"="+value) }
	for _, key := range inherited {
		if value, ok := os.LookupEnv(key); ok {
			set(key, value)
		}
	}
	set("TZ", ":UTC")
	set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
	set("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/"+c.FunctionName)
	set("LAMBDA_RUNTIME_DIR", c.Dir)
	if c.Region != "" {
		set("AWS_REGION", c.Region)
		set("AWS_DEFAULT_REGION", c.Region)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		set(key, c.Environment[key])
	}
	set("_HANDLER", c.Handler)
	set("LAMBDA_TASK_ROOT", c.Dir)
	set("AWS_LAMBDA_FUNCTION_NAME", c.FunctionName)
	set("AWS_LAMBDA_FUNCTION_VERSION", c.FunctionVersion)
	set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.Itoa(c.MemorySize))
	return env
}

// logStream names the log stream of one process, in Lambda's form.
func logStream(now time.Time, version string) string {
	return fmt.Sprintf("%s[%s]%016x%016x", now.UTC().Format("2006/01/02/"), version, rand.Uint64(), rand.Uint64())
}

// traceID generates a trace ID that is not sampled, in the form of AWS X-Ray: with the seconds since 1970.
func traceID(now time.Time) string {
	return fmt.Sprintf("Root=1-%08x-%08x%016x;Parent=%016x;Sampled=0", uint32(now.Unix()), rand.Uint32(), rand.Uint64(), rand.Uint64())
}
