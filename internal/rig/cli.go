package rig

import (
	"os"
	"os/exec"
	"testing"
)

// CLI returns the path of the aws command, a client that we did not write. Without one the test is skipped, or fails if
// CI=true.
func CLI(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		missing(t, "there is no aws on PATH: install the AWS command line (for example Debian's awscli)")
	}
	return path
}

// Command returns the aws command with args, set up for the emulator at endpoint: the same credentials and region as
// AWSConfig, JSON output, no pager, and none of the user's own settings. It is killed when the test ends.
func Command(t testing.TB, endpoint string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), CLI(t), append([]string{"--endpoint-url", endpoint}, args...)...)
	// Flags that name the settings exist in every version of the command; AWS_ENDPOINT_URL does not.
	cmd.Env = append(withoutAWS(),
		"AWS_ACCESS_KEY_ID="+Account,
		"AWS_SECRET_ACCESS_KEY=secret",
		"AWS_DEFAULT_REGION="+Region,
		"AWS_DEFAULT_OUTPUT=json",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=",
	)
	return cmd
}
