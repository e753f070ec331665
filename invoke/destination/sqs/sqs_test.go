package sqs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ tosqs.Client       = (*sqs.Client)(nil)
	_ invoke.Destination = (*tosqs.Destination)(nil)
)

const (
	queueARN = "arn:aws:sqs:eu-west-1:111111111111:lost-orders"
	queueURL = "https://sqs.eu-west-1.amazonaws.com/111111111111/lost-orders"
)

// failure returns a discarded batch of one record.
func failure() *invoke.Failure { return fixture.Failure() }

// fake is a Client that notes its calls, each as a line.
type fake struct {
	mu     sync.Mutex
	calls  []string
	lookUp []error // of the next look-ups; nil, and none left, is an answer
	send   []error // of the next messages
}

func (c *fake) note(call string, errs *[]error, opts []func(*sqs.Options)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var o sqs.Options
	for _, opt := range opts {
		opt(&o)
	}
	c.calls = append(c.calls, call+" region="+o.Region)
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (c *fake) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, opts ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) { //nolint:revive,staticcheck // the SDK's name
	err := c.note("look up "+*in.QueueName+" of "+*in.QueueOwnerAWSAccountId, &c.lookUp, opts)
	if err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("https://vpce.example/" + *in.QueueName)}, nil
}

func (c *fake) SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	call := "send to " + *in.QueueUrl
	if *in.MessageBody != string(failure().AppendJSON(nil)) {
		call += " the body " + *in.MessageBody
	}
	if err := c.note(call, &c.send, opts); err != nil {
		return nil, err
	}
	return &sqs.SendMessageOutput{}, ctx.Err()
}

func TestQueueURLIsAskedForUntilAMessageWasTaken(t *testing.T) {
	broken := errors.New("broken")
	client := &fake{lookUp: []error{broken}, send: []error{broken}}
	d, err := tosqs.New(client, queueARN)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"sqs: queue " + queueARN + ": get queue URL: broken",
		"sqs: queue " + queueARN + ": send message: broken",
		"", "",
	} {
		if err := d.Deliver(t.Context(), failure()); fixture.Text(err) != want || err != nil && !errors.Is(err, broken) {
			t.Errorf("delivery %d: got %v, want %q", i+1, err, want)
		}
	}
	const lookUp, send = "look up lost-orders of 111111111111 region=eu-west-1", "send to https://vpce.example/lost-orders region=eu-west-1"
	if want := []string{lookUp, lookUp, send, lookUp, send, send}; !slices.Equal(client.calls, want) {
		t.Errorf("got  %q\nwant %q", client.calls, want)
	}
}

func TestQueueGivenByURLIsCalledAsItIs(t *testing.T) {
	const url = "http://127.0.0.1:4566/000000000000/lost-orders"
	client := &fake{}
	d, err := tosqs.New(client, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), failure()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"send to " + url + " region="}; !slices.Equal(client.calls, want) || d.String() != url {
		t.Errorf("got %q of %s, want %q", client.calls, d, want)
	}
}

// A role that AWS Lambda can work with may send, but not ask for the URL.
func TestQueueURLHasTheDocumentedFormWhereAskingIsDenied(t *testing.T) {
	for _, c := range []struct {
		arn  string
		err  error
		want string // where the message goes; empty for nowhere
	}{
		{queueARN, &smithy.GenericAPIError{Code: "AccessDenied"}, queueURL},
		{queueARN, &smithy.GenericAPIError{Code: "AccessDeniedException"}, queueURL},
		{queueARN, &types.QueueDoesNotExist{}, queueURL},
		{"arn:aws-us-gov:sqs:us-gov-west-1:111111111111:q", &types.QueueDoesNotExist{}, "https://sqs.us-gov-west-1.amazonaws.com/111111111111/q"},
		{"arn:aws-cn:sqs:cn-north-1:111111111111:q", &types.QueueDoesNotExist{}, "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/q"},
		{"arn:aws-iso:sqs:us-iso-east-1:111111111111:q", &types.QueueDoesNotExist{}, ""},
		{queueARN, &smithy.GenericAPIError{Code: "RequestThrottled"}, ""},
		{queueARN, context.DeadlineExceeded, ""},
	} {
		client := &fake{lookUp: []error{c.err}}
		d, err := tosqs.New(client, c.arn)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Deliver(t.Context(), failure())
		if got := strings.Join(client.calls[1:], ", "); c.want == "" && (got != "" || !errors.Is(err, c.err)) ||
			c.want != "" && (err != nil || !strings.HasPrefix(got, "send to "+c.want+" region=")) {
			t.Errorf("%s, %v: got %q, %v; want %q", c.arn, c.err, got, err, c.want)
		}
	}
}

func TestDeliverMayBeCalledByManyAtOnce(t *testing.T) {
	client := &fake{}
	d, err := tosqs.New(client, queueARN)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := d.Deliver(t.Context(), failure()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(slices.DeleteFunc(client.calls, func(s string) bool { return !strings.HasPrefix(s, "send") })); got != 8 {
		t.Errorf("got %d messages, want 8", got)
	}
}

func TestNewRefuses(t *testing.T) {
	const form = "does not have the form arn:PARTITION:sqs:REGION:ACCOUNT:NAME"
	const fifo = "is a FIFO queue: on-failure documents go to standard queues only"
	const neither = "is neither the ARN nor the URL of a queue"
	for queue, want := range map[string]string{
		queueARN + ".fifo":                        fifo,
		queueURL + ".fifo":                        fifo,
		"arn:aws:sns:eu-west-1:1:topic":           form,
		"arn:aws:sqs::1:queue":                    `the region is "", must be such as us-east-1`,
		"arn:aws:sqs:eu-west-1::queue":            `the account is "", must be 12 digits`,
		"arn:aws:sqs:eu-west-1:1:queue":           `the account is "1", must be 12 digits`,
		queueARN + ":x":                           `the queue name is "lost-orders:x", must be 1 to 80 letters, digits, - and _`,
		queueARN + " x":                           `the queue name is "lost-orders x", must be 1 to 80 letters, digits, - and _`,
		queueURL + "%20x":                         `the queue name is "lost-orders x", must be 1 to 80 letters, digits, - and _`,
		"arn:aws-cn:sqs:eu-west-1:111111111111:q": `the partition is "aws-cn", must be aws, in which the region eu-west-1 lies`,
		"arn:aws:sqs":                             neither,
		"lost-orders":                             neither,
		"https://sqs.amazonaws.com/":              neither,
		"ftp://host/1/queue":                      neither,
		"":                                        neither,
	} {
		d, err := tosqs.New(&fake{}, queue)
		if fixture.Text(err) != `sqs: queue "`+queue+`": `+want || d != nil {
			t.Errorf("%s: got %v, want %s", queue, err, want)
		}
	}
	if d, err := tosqs.New(nil, queueARN); fixture.Text(err) != "sqs: no client" || d != nil {
		t.Errorf("without a client: got %v", err)
	}
}

// What a client can't reach is refused when it is configured, and not when the first document is lost.
func TestNewRefusesAClientThatCanNotReachTheQueue(t *testing.T) {
	const vpce = "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com"
	for _, c := range []struct {
		queue   string
		options sqs.Options
		want    string
	}{
		{queueARN, sqs.Options{Region: "us-east-1"}, ""},
		{queueARN, sqs.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1")}, ""},
		{queueARN, sqs.Options{Region: "us-east-1", BaseEndpoint: aws.String(vpce)}, "lies in eu-west-1, but the client calls " + vpce + " in us-east-1"},
		{queueARN, sqs.Options{Region: "cn-north-1"}, "lies in the partition aws, but the client is for the region cn-north-1 in aws-cn"},
		{queueURL, sqs.Options{Region: "eu-west-1"}, ""},
		{queueURL, sqs.Options{Region: "us-east-1"}, "lies in eu-west-1, but the client is for the region us-east-1"},
		{"https://queue.example.com/1/q", sqs.Options{Region: "us-east-1"}, ""},
	} {
		_, err := tosqs.New(sqs.New(c.options), c.queue)
		if want := `sqs: queue "` + c.queue + `": ` + c.want; c.want == "" && err != nil || c.want != "" && fixture.Text(err) != want {
			t.Errorf("%s, %s: got %v, want %s", c.queue, c.options.Region, err, c.want)
		}
	}
}

func TestResolverServesEveryQueueAndNothingElse(t *testing.T) {
	serves := map[string]bool{
		queueARN: true, "arn:aws-cn:sqs:cn-north-1:111111111111:q": true, "arn:aws:sqs:eu-west-1:1:q.fifo": true,
		"arn:aws:sns:eu-west-1:1:q": false, queueURL: false, "": false,
	}
	d := fixture.Resolves(t, tosqs.Resolver(&fake{}), serves, queueARN, queueARN+".fifo")
	if _, ok := d.(*tosqs.Destination); !ok {
		t.Errorf("got a %T", d)
	}
}

// transport answers the SDK's client: an error of the server first, then as SQS does.
type transport struct{ requests []*http.Request }

func (tr *transport) Do(r *http.Request) (*http.Response, error) {
	tr.requests = append(tr.requests, r)
	status, body := http.StatusOK, `{}`
	switch {
	case len(tr.requests) == 1:
		status = http.StatusServiceUnavailable
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetQueueUrl"):
		body = `{"QueueUrl":"` + queueURL + `"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: r}, nil
}

// One client of the SDK, made for one region, delivers to a queue in another, and tries again what its retryer lets it.
func TestSDKClientDeliversToOtherRegionsAndRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{}
		client := sqs.New(sqs.Options{
			Region: "us-east-1", HTTPClient: tr, DisableMessageChecksumValidation: true,
			Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		})
		d, err := tosqs.New(client, queueARN)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Deliver(t.Context(), failure()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range tr.requests {
			_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			got = append(got, call)
			if r.URL.Host != "sqs.eu-west-1.amazonaws.com" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sqs/aws4_request") {
				t.Errorf("%s: got host %s, %s; want eu-west-1", call, r.URL.Host, r.Header.Get("Authorization"))
			}
		}
		if want := []string{"GetQueueUrl", "GetQueueUrl", "SendMessage"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestDeliverStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := sqs.New(sqs.Options{
		Region: "eu-west-1", HTTPClient: &transport{},
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	d, err := tosqs.New(client, queueURL)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(ctx, failure()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want one that wraps context.Canceled", err)
	}
}
