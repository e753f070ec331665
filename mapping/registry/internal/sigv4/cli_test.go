package sigv4_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

// TestCommandLineIsVerified has the aws command, whose signer is botocore's, send requests whose path and query need escapes.
// Each takes a second; The tests of shardmill serve have it send those with a body.
func TestCommandLineIsVerified(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"get-event-source-mapping", "--uuid", odd},
		{"list-event-source-mappings", "--event-source-arn", streamARN, "--starting-token", odd, "--max-items", "7"},
		{"untag-resource", "--resource", mappingARN, "--tag-keys", "b", "a a", "ü"},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			s, endpoint := serve(t, map[string]string{rig.Account: "secret"})
			out, err := rig.Command(t, endpoint, append([]string{"lambda"}, args...)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			assert.Len(t, s.asked(), 1)
		})
	}
}

// TestCommandLineSeesTheRefusal finds the code and the text in what the aws command prints.
func TestCommandLineSeesTheRefusal(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, map[string]string{rig.Account: "other"})
	out, err := rig.Command(t, endpoint, "lambda", "list-event-source-mappings").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "(InvalidSignatureException)")
	assert.Contains(t, string(out), "The request signature we calculated does not match the signature you provided.")
}
