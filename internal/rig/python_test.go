package rig_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

func TestMotoServesTheSDK(t *testing.T) {
	config := rig.AWSConfig(rig.Moto(t))
	client := kinesis.NewFromConfig(config)
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(2)})
	require.NoError(t, err)
	summary, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("orders")})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:kinesis:"+rig.Region+":"+rig.Account+":stream/orders",
		aws.ToString(summary.StreamDescriptionSummary.StreamARN))

	identity, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, rig.Account, aws.ToString(identity.Account))
}

func TestMissingPythonPeersSkipOrFail(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".ci", "rig", "python", "venv"), 0o750))
	for name, content := range map[string]string{
		"go.mod": "", ".ci/rig/package.json": "", ".ci/rig/python/requirements.txt": "moto==2\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o600))
	}
	t.Chdir(root)
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		for _, installed := range []string{"", "moto==1\n"} { // nothing yet, other versions
			if installed != "" {
				require.NoError(t, os.WriteFile(filepath.Join(root, ".ci/rig/python/venv/requirements.txt"), []byte(installed), 0o600))
			}
			got := ending(t, func(t testing.TB) { rig.Moto(t) })
			assert.Equal(t, want, got.kind, "with CI=%q", ci)
			assert.Contains(t, got.message, "run `.ci/rig/python.sh`")
		}
	}
}

func TestMissingRustPeerSkipsOrFails(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".ci", "rig", "rust", "src"), 0o750))
	for _, name := range []string{"go.mod", ".ci/rig/package.json", ".ci/rig/rust/src/main.rs"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), nil, 0o600))
	}
	t.Chdir(root)
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		got := ending(t, func(t testing.TB) { rig.Reader{}.StartRust(t, func(string) {}) })
		assert.Equal(t, want, got.kind, "with CI=%q", ci)
		assert.Contains(t, got.message, "run `.ci/rig/rust.sh`")
	}
}
