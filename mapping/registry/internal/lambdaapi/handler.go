package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/google/uuid"
)

// maxBody is the largest body of a request in bytes. The largest meaningful one, with five filters and fifty tags, has
// about 40,000.
const maxBody = 1 << 18

// Operations are the operations of the API. They validate their input; the handler only decodes it. An error that is an
// *Error, or wraps one, is the answer; any other is answered as a ServiceException. They must be safe for concurrent use.
type Operations interface {
	Create(ctx context.Context, in CreateInput) (Configuration, error)
	Get(ctx context.Context, uuid string) (Configuration, error)
	List(ctx context.Context, in ListInput) (ListOutput, error)
	Update(ctx context.Context, uuid string, in UpdateInput) (Configuration, error)
	Delete(ctx context.Context, uuid string) (Configuration, error)
	ListTags(ctx context.Context, arn string) (map[string]string, error)
	TagResource(ctx context.Context, arn string, tags map[string]string) error
	UntagResource(ctx context.Context, arn string, keys []string) error
}

// handler serves Lambda's API for event source mappings. It keeps nothing of a request, and is safe for concurrent use.
type handler struct {
	operations Operations
	auth       func(r *http.Request, body []byte) *Error // nil admits every request
	origins    http.CrossOriginProtection
	log        *slog.Logger
}

// request is a request with a known operation and an authorized sender.
type request struct {
	*http.Request
	target string // the UUID or the ARN in the path, unescaped; empty for the collection
	body   []byte
}

// query returns the parameters. A malformed one must not count as absent: a List without its filter would show too
// much.
func (r *request) query() (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformedQuery()
	}
	return query, nil
}

// NewHandler serves ops to requests that auth admits, or to all if it is nil. It logs failures that a person should act
// on to log.
func NewHandler(ops Operations, auth func(r *http.Request, body []byte) *Error, log *slog.Logger) http.Handler {
	return &handler{operations: ops, auth: auth, log: log}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", id)
	op, target, ok := route(r.Method, r.URL.EscapedPath())
	if !ok {
		refuse(w, unknownOperation())
		return
	}
	body, err := h.serve(w, op, &request{Request: r, target: target})
	if err == nil {
		respond(w, op.status, body)
		return
	}
	answer := Failed(err)
	if answer.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelDebug // The client has disconnected; no action is needed.
		}
		h.log.Log(r.Context(), level, "request to the API for mappings failed",
			"operation", op.name, "requestId", id, "error", answer.Err)
	}
	refuse(w, answer)
}

// serve returns the body of the operation's answer. A panic is an ordinary error: it must not look like a network that
// lost the answer, after which clients would retry.
func (h *handler) serve(w http.ResponseWriter, op operation, r *request) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			body, err = nil, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	if err := h.origins.Check(r.Request); err != nil {
		return nil, crossOrigin()
	}
	if r.body, err = read(w, r.Request, op); err != nil {
		return nil, err
	}
	if h.auth != nil {
		if refused := h.auth(r.Request, r.body); refused != nil {
			return nil, refused
		}
	}
	out, err := op.run(h, r)
	if err != nil || op.status == http.StatusNoContent {
		return nil, err
	}
	return Encode(out)
}

// read reads the body of a request, but never more of it than maxBody.
func read(w http.ResponseWriter, r *http.Request, op operation) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, tooLarge(op.name)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge(op.name)
	}
	if err != nil {
		return nil, unreadable("the body ended early")
	}
	return body, nil
}

func (h *handler) create(r *request) (any, error) {
	in, err := decodeCreate(r.body)
	if err != nil {
		return nil, err
	}
	return h.operations.Create(r.Context(), in)
}

func (h *handler) get(r *request) (any, error) {
	return h.operations.Get(r.Context(), r.target)
}

func (h *handler) list(r *request) (any, error) {
	query, err := r.query()
	if err != nil {
		return nil, err
	}
	in, err := decodeList(query)
	if err != nil {
		return nil, err
	}
	out, err := h.operations.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	// The member is present, and null, on the last page. Source: recorded answers of ListEventSourceMappings and
	// ListFunctions.
	page := struct {
		NextMarker          *string
		EventSourceMappings []Configuration
	}{EventSourceMappings: out.EventSourceMappings}
	if out.NextMarker != "" {
		page.NextMarker = &out.NextMarker
	}
	if page.EventSourceMappings == nil {
		page.EventSourceMappings = []Configuration{}
	}
	return page, nil
}

func (h *handler) update(r *request) (any, error) {
	in, err := decodeUpdate(r.body)
	if err != nil {
		return nil, err
	}
	return h.operations.Update(r.Context(), r.target, in)
}

func (h *handler) delete(r *request) (any, error) {
	return h.operations.Delete(r.Context(), r.target)
}
