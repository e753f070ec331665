package lambdaapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachOperationIsWhereClientsAskForIt(t *testing.T) {
	const escaped = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Aevent-source-mapping%3A" + testUUID
	for _, c := range []struct {
		method, target string
		want           string
		of             string
		status         int
	}{
		{"POST", mappingsPath, "Create", "", 202},
		{"POST", mappingsPath + "/", "Create", "", 202},
		{"GET", mappingsPath, "List", "", 200},
		{"GET", mappingsPath + "/?MaxItems=1", "List", "", 200},
		{"GET", mappingsPath + "/" + testUUID, "Get", testUUID, 200},
		{"GET", mappingsPath + "/" + testUUID + "/", "Get", testUUID, 200},
		{"PUT", mappingsPath + "/" + testUUID, "Update", testUUID, 202},
		{"PUT", mappingsPath + "/" + testUUID + "/", "Update", testUUID, 202},
		{"DELETE", mappingsPath + "/" + testUUID, "Delete", testUUID, 202},
		{"DELETE", mappingsPath + "/" + testUUID + "/", "Delete", testUUID, 202},
		{"GET", mappingsPath + "/a%20b%2Fc", "Get", "a b/c", 200},
		{"GET", tagsPath + testARN, "ListTags", testARN, 200},
		{"GET", tagsPath + escaped, "ListTags", testARN, 200},
		{"POST", tagsPath + testARN, "TagResource", testARN, 204},
		{"POST", tagsPath + escaped, "TagResource", testARN, 204},
		{"DELETE", tagsPath + escaped + "?tagKeys=a", "UntagResource", testARN, 204},
		{"GET", tagsPath + "arn:aws:kinesis:us-east-1:123456789012:stream/orders", "ListTags", testStream, 200},
		{"GET", tagsPath + "arn:aws:kinesis:us-east-1:123456789012:stream%2Forders", "ListTags", testStream, 200},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			ops := &spy{}
			w := ask(t, ops, c.method, c.target, "")
			assert.Equal(t, c.status, w.Code)
			require.Len(t, ops.calls, 1)
			assert.Equal(t, c.want, ops.calls[0].name)
			assert.Equal(t, c.of, ops.calls[0].target)
		})
	}
}

func TestWhatIsNoOperationIsUnknown(t *testing.T) {
	for _, target := range []string{
		"/", "/2015-03-31", "/2015-03-31/functions", "/2015-03-31/event-source-mappingsx", "/2017-03-31/tags", "/2017-03-31/tags/",
		mappingsPath + "//", mappingsPath + "//x", mappingsPath + "/x/y", mappingsPath + "/x//", "/x" + mappingsPath,
	} {
		unknown(t, "GET", target)
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get"} {
		unknown(t, method, mappingsPath)
	}
	for _, method := range []string{"POST", "PATCH", "HEAD", "OPTIONS", "TRACE"} {
		unknown(t, method, mappingsPath+"/"+testUUID)
	}
	for _, method := range []string{"PUT", "PATCH", "HEAD"} {
		unknown(t, method, tagsPath+testARN)
	}
}

func unknown(t *testing.T, method, target string) {
	t.Helper()
	ops := &spy{}
	w := ask(t, ops, method, target, "{}")
	what := method + " " + target
	assert.Equal(t, http.StatusNotFound, w.Code, what)
	assert.Equal(t, "UnknownOperationException", w.Header().Get("x-amzn-errortype"), what)
	assert.JSONEq(t, `{"message":"There is no such operation."}`, w.Body.String(), what)
	assert.Empty(t, ops.calls, what)
}
