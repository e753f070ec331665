package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPartialFailureExamplePrintsCase52(t *testing.T) {
	stdout := os.Stdout
	r, w, err := os.Pipe()
	require.NoError(t, err)
	os.Stdout = w
	err = run(t.Context())
	os.Stdout = stdout
	require.NoError(t, err)
	require.NoError(t, w.Close())
	out, err := io.ReadAll(r)
	require.NoError(t, err)

	want := `invoked  [order 1] [poison 2] [order 3] [order 4]
invoked  [poison 2] [order 3] [order 4]
invoked  [poison 2]
invoked  [poison 2]
document {"requestContext":{"requestId":"…","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:ship-orders","condition":"RetryAttemptsExhausted","approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":null},`
	out = regexp.MustCompile(`"requestId":"[0-9a-f-]{36}"`).ReplaceAll(out, []byte(`"requestId":"…"`))
	assert.True(t, bytes.HasPrefix(out, []byte(want)), "%s", out)
	assert.True(t, bytes.HasSuffix(out, []byte("\ninvoked  [order 3] [order 4]\n")), "%s", out)
}
