package serve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orders is the stream of a server without a configuration.
const orders = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"

// binary is the program, built once.
var binary struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(binary.dir)
	os.Exit(code)
}

func build(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "shardmill-"); binary.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-race="+strconv.FormatBool(raced()), "-o", filepath.Join(binary.dir, "shardmill"), "../..").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	require.NoError(t, binary.err)
	return filepath.Join(binary.dir, "shardmill")
}

// raced reports whether the tests run under the race detector. Then the program does, too.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// program is a running server.
type program struct {
	t       *testing.T
	command *exec.Cmd
	api     string // URL
	client  *http.Client
	streams string // URL of the embedded Kinesis, if it has one
	ended   chan error
	out     output
	log     output
}

// output is what a process has printed.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// launch starts the server on free ports, with nothing of AWS in its environment but env, and returns when it listens.
func launch(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, client: http.DefaultClient, ended: make(chan error, 1)}
	p.command = exec.Command(build(t), append([]string{"serve", "-listen", "127.0.0.1:0"}, args...)...)
	p.command.Env = append(environment(), env...)
	stdout, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.command.Stderr = &p.log
	require.NoError(t, p.command.Start())
	lines := make(chan string, 1000)
	go func() {
		for s := bufio.NewScanner(io.TeeReader(stdout, &p.out)); s.Scan(); {
			select {
			case lines <- s.Text():
			default: // they are not read any more
			}
		}
		close(lines)
		p.ended <- p.command.Wait()
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		assert.NotContains(t, p.log.String(), "DATA RACE")
		if t.Failed() {
			t.Logf("the server printed:\n%s\nand logged:\n%s", p.out.String(), p.log.String())
		}
	})
	p.api = p.after(lines, "API for event source mappings: ")
	return p
}

// start launches the program and returns when it is ready, with its streams' URL if it has any.
func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := launch(t, env, args...)
	p.eventually(func() bool { status, _ := p.get("/readyz"); return status == http.StatusOK })
	if m := regexp.MustCompile(`(?m)^Kinesis: (\S+)$`).FindStringSubmatch(p.out.String()); m != nil {
		p.streams = m[1]
	}
	return p
}

func TestProgramListsItsCommands(t *testing.T) {
	t.Parallel()
	usage, err := exec.Command(build(t)).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, 2, exit.ExitCode())
	assert.Contains(t, string(usage), "\n  serve ")
	flags, err := exec.Command(build(t), "help", "serve").Output()
	require.NoError(t, err)
	assert.Contains(t, string(flags), "Usage of shardmill serve:")
	assert.Contains(t, string(flags), "-config FILE")
}

// environment is that of this process without what would change the server's.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "SHARDMILL_") })
	return append(env, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// after returns what a line has behind a prefix.
func (p *program) after(lines <-chan string, prefix string) string {
	p.t.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case line, ok := <-lines:
			require.True(p.t, ok, "the server ended: %s", p.log.String())
			if rest, found := strings.CutPrefix(line, prefix); found {
				return rest
			}
		case <-deadline:
			require.Fail(p.t, "the server says nothing")
		}
	}
}

// wait waits until the program has ended, and returns its exit code; -1 after a signal.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		require.Fail(p.t, "the server does not end")
		return 0
	}
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(s))
}

// patience is how long a test waits for what takes a second or two on an idle machine.
const patience = 2 * time.Minute

// eventually waits until ok, and fails after a time. It asks in the test's own goroutine, so that ok may fail the test.
func eventually(t *testing.T, within time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !ok(); <-tick.C {
		require.True(t, time.Now().Before(deadline), "it did not come within %s", within)
	}
}

func (p *program) eventually(ok func() bool) {
	p.t.Helper()
	eventually(p.t, patience, ok)
}

// get asks for a path; 0 means that there was no answer.
func (p *program) get(path string) (status int, body string) {
	p.t.Helper()
	answer, err := p.client.Get(p.api + path)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer.StatusCode, string(b)
}

// mappings is an SDK client of the API, with an access key.
func (p *program) mappings(id, secret string) *lambda.Client {
	return lambda.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &p.api, HTTPClient: p.client,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

// kinesis is an SDK client of the embedded streams.
func (p *program) kinesis() *kinesis.Client { return kinesisAt(p.streams) }

func kinesisAt(url string) *kinesis.Client {
	return kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
}

// put puts records first to last, each with its number as data.
func put(t *testing.T, client *kinesis.Client, first, last int) {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("orders")}
	for n := first; n <= last; n++ {
		in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprint("customer-", n%7)), Data: fmt.Append(nil, n),
		})
	}
	out, err := client.PutRecords(t.Context(), in)
	require.NoError(t, err)
	require.Zero(t, *out.FailedRecordCount)
}

var printedRecord = regexp.MustCompile(`(?m)^print: (shardId-\d+) (\d+) key="customer-\d+" data="(.*)"$`)

// printed returns the data of the records that the function print has printed, in order.
func (p *program) printed() (data []string) {
	for _, m := range printedRecord.FindAllStringSubmatch(p.out.String(), -1) {
		data = append(data, m[3])
	}
	return data
}

// create makes a mapping of a stream to a function, and returns its UUID.
func create(t *testing.T, client *lambda.Client, function, stream string, enabled bool) string {
	t.Helper()
	out, err := client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &function, EventSourceArn: &stream, StartingPosition: types.EventSourcePositionTrimHorizon, Enabled: &enabled,
	})
	require.NoError(t, err)
	assert.Equal(t, "Creating", *out.State)
	return *out.UUID
}

// settle waits until a mapping is in a state.
func settle(t *testing.T, client *lambda.Client, uuid, state string) *lambda.GetEventSourceMappingOutput {
	t.Helper()
	var out *lambda.GetEventSourceMappingOutput
	eventually(t, patience, func() bool {
		var err error
		out, err = client.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: &uuid})
		return err == nil && *out.State == state
	})
	return out
}

// file writes a configuration, and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// read returns the body of an answer.
func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(b)
}

// encoded returns v in JSON.
func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
