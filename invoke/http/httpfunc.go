package httpfunc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/internal/transit"
)

// EmulatorPath is the path at which the Runtime Interface Emulator accepts events, in Lambda's container images too.
const EmulatorPath = "/2015-03-31/functions/function/invocations"

// invokePath is the path of Lambda's Invoke API; the emulator's path matches it.
var invokePath = regexp.MustCompile(`/2015-03-31/functions/[^/]+/invocations$`)

// Emulator returns the URL of the Runtime Interface Emulator at an address, such as "127.0.0.1:9000".
func Emulator(address string) string { return "http://" + address + EmulatorPath }

// Config says where a function is. New copies it.
type Config struct {
	// URL is the address that events are posted to, by http or https. A user and a password in it are sent as basic
	// authentication. Errors show its scheme, host and path, and never its user or query.
	URL string

	// Header is added to each request, such as Authorization. It replaces fields that the request would have.
	Header http.Header

	// Client sends the requests. nil means a client of the Function's own, whose connections are kept for as many lanes
	// as there are, and idle for up to 4 s. Another one needs a Transport that is, or wraps, an *http.Transport with
	// MaxIdleConnsPerHost of shards times ParallelizationFactor, and no Timeout shorter than the function's. httptrace
	// detects whether a request was sent, so a wrapper must pass on the request's ctx. Redirects are not followed
	// unless the client has a CheckRedirect.
	Client *http.Client
}

// Function is a function that is called over HTTP. It is safe for concurrent use.
type Function struct {
	url      *url.URL
	shown    string // url without possible secrets: the user, the query, the fragment
	header   http.Header
	client   *http.Client
	emulator bool
}

var _ invoke.Invoker = (*Function)(nil)

// New returns the function at c.URL. It makes no call.
func New(c Config) (*Function, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, errors.New("httpfunc: URL is malformed") // the malformed part may be part of a secret
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("httpfunc: URL: want http:// or https:// and a host")
	}
	client := http.Client{Transport: newTransport()}
	if c.Client != nil {
		client = *c.Client
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	header := http.Header{}
	for name, values := range c.Header {
		header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	return &Function{url: u, shown: shown(u), header: header, client: &client, emulator: invokePath.MatchString(u.Path)}, nil
}

// shown returns the scheme, host and path of a URL.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// CloseIdleConnections closes the connections that no invocation is using. Otherwise they are closed some seconds after
// their last one.
func (f *Function) CloseIdleConnections() { f.client.CloseIdleConnections() }

// Invoke posts the event and waits for the answer. The package comment says how it counts.
func (f *Function) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	body := newPayload(in.Event)
	defer body.release()
	traced, sent := transit.Follow(ctx)
	request, err := f.request(traced, in, body)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, f.lost(err, sent)
	}
	defer response.Body.Close()
	answer, err := readAnswer(response)
	switch {
	case errors.Is(err, errTooLong):
		return tooLong(), nil
	case err != nil:
		return nil, fmt.Errorf("httpfunc: %s: read the answer: %w", f.shown, err)
	}
	return f.result(response, answer)
}

// request returns the request of an invocation.
func (f *Function) request(ctx context.Context, in *invoke.Invocation, body *payload) (*http.Request, error) {
	reader, err := body.reader()
	if err != nil {
		return nil, err
	}
	header := http.Header{
		"Content-Type":                        {"application/json"},
		"User-Agent":                          {"shardmill"},
		"Lambda-Runtime-Aws-Request-Id":       {in.RequestID},
		"Lambda-Runtime-Invoked-Function-Arn": {in.FunctionARN},
		// Not sent, but makes net/http repeat the request if a reused connection turns out to be closed.
		"Idempotency-Key": nil,
	}
	if deadline, ok := ctx.Deadline(); ok {
		header["Lambda-Runtime-Deadline-Ms"] = []string{strconv.FormatInt(deadline.UnixMilli(), 10)}
	}
	maps.Copy(header, f.header)
	request := http.Request{
		Method: http.MethodPost, URL: f.url, Host: f.header.Get("Host"), Header: header,
		Body: reader, GetBody: body.reader, ContentLength: int64(body.size()),
	}
	return request.WithContext(ctx), nil
}

// lost returns how a request without an answer counts. The client's error shows the URL with its query.
func (f *Function) lost(err error, r *transit.Request) error {
	if whole, ok := errors.AsType[*url.Error](err); ok {
		err = whole.Err
	}
	if r.Sent() {
		return fmt.Errorf("httpfunc: %s: no answer: %w", f.shown, err)
	}
	return fmt.Errorf("httpfunc: %s: %w: %w", f.shown, invoke.ErrUnavailable, err)
}
