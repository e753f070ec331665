package lambdaapi

import (
	"net/http"
	"net/url"
	"strings"
)

// The paths of the operations. Source: Lambda's service model.
const (
	mappingsPath = "/2015-03-31/event-source-mappings"
	tagsPath     = "/2017-03-31/tags/"
)

// operation is one of the API's.
type operation struct {
	name   string // AWS's
	status int    // of an answer that is no error
	run    func(h *handler, r *request) (any, error)
}

// The operations on all mappings, on one, and on the tags of one, by method.
var (
	onAll = map[string]operation{
		http.MethodPost: {"CreateEventSourceMapping", http.StatusAccepted, (*handler).create},
		http.MethodGet:  {"ListEventSourceMappings", http.StatusOK, (*handler).list},
	}
	onOne = map[string]operation{
		http.MethodGet:    {"GetEventSourceMapping", http.StatusOK, (*handler).get},
		http.MethodPut:    {"UpdateEventSourceMapping", http.StatusAccepted, (*handler).update},
		http.MethodDelete: {"DeleteEventSourceMapping", http.StatusAccepted, (*handler).delete},
	}
	onTags = map[string]operation{
		http.MethodGet:    {"ListTags", http.StatusOK, (*handler).listTags},
		http.MethodPost:   {"TagResource", http.StatusNoContent, (*handler).tagResource},
		http.MethodDelete: {"UntagResource", http.StatusNoContent, (*handler).untagResource},
	}
)

// route finds the operation of a method and an escaped path, and the UUID or the ARN that the path names.
func route(method, path string) (operation, string, bool) {
	operations, name := resource(path)
	op, ok := operations[method]
	target, err := url.PathUnescape(name)
	return op, target, ok && err == nil
}

// resource finds what an escaped path names. One slash may follow the collection and a UUID, because older clients send one;
// an ARN may come with its slashes escaped or not.
func resource(path string) (operations map[string]operation, name string) {
	if arn, ok := strings.CutPrefix(path, tagsPath); ok && arn != "" {
		return onTags, arn
	}
	rest, ok := strings.CutPrefix(path, mappingsPath)
	if ok && (rest == "" || rest == "/") {
		return onAll, ""
	}
	uuid, slash := strings.CutPrefix(rest, "/")
	uuid = strings.TrimSuffix(uuid, "/")
	if !ok || !slash || uuid == "" || strings.Contains(uuid, "/") {
		return nil, ""
	}
	return onOne, uuid
}
