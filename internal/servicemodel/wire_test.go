package servicemodel_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/servicemodel"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const (
	json11 = "application/x-amz-json-1.1"
	cbor11 = "application/x-amz-cbor-1.1"
)

func post(op, contentType, body string) servicemodel.Request {
	return servicemodel.Request{
		Method: "POST", Path: "/", Body: []byte(body), Header: header("X-Amz-Target", op, "Content-Type", contentType),
	}
}

func TestRequestsOfAWSJSON(t *testing.T) {
	m := model(t, "json")
	for text, c := range map[string]struct {
		request servicemodel.Request
		want    []string
	}{
		"good":            {post("Shop_2026.PutOrder", json11, `{"Customer":"ann"}`), []string{}},
		"bad member":      {post("Shop_2026.PutOrder", json11, `{"Customer":"7"}`), []string{"PutOrder.Customer pattern"}},
		"no body":         {post("Shop_2026.PutOrder", json11, ``), []string{"PutOrder.Customer missing"}},
		"one member more": {post("Shop_2026.Forget", json11, `{"All":true}`), []string{"Forget.All unknown"}},
		"twice":           {post("Shop_2026.PutOrder", json11, `{"Customer":"a","Customer":"b"}`), []string{"PutOrder protocol"}},
		"two values":      {post("Shop_2026.PutOrder", json11, `{"Customer":"a"}{}`), []string{"PutOrder protocol"}},
		"no JSON":         {post("Shop_2026.PutOrder", json11, `{`), []string{"PutOrder protocol"}},
		"another type":    {post("Shop_2026.PutOrder", "application/json", `{"Customer":"a"}`), []string{"PutOrder protocol"}},
		"another prefix":  {post("Shop.PutOrder", json11, `{"Customer":"a"}`), []string{"PutOrder protocol"}},
		"no operation":    {post("Shop_2026.Steal", json11, `{}`), []string{"Steal unknown"}},
		"another method": {
			servicemodel.Request{Method: "GET", Path: "/x", Header: header("X-Amz-Target", "Shop_2026.Forget")},
			[]string{"Shop protocol"},
		},
	} {
		op, report := m.Request(c.request)
		assert.Equal(t, c.want, rules(report), text)
		assert.Equal(t, strings.HasSuffix(c.request.Header.Get("X-Amz-Target"), ".Steal"), op == "", text)
	}
}

func TestRequestsOfCBORHaveItsByteStringsAndTimes(t *testing.T) {
	m := model(t, "json")
	name := cbor.String("ann")
	for text, c := range map[string]struct {
		in   cbor.Value
		want []string
	}{
		"good": {cbor.Map{
			"Customer": name, "Data": cbor.Slice("\x00\x01"), "At": &cbor.Tag{ID: 1, Value: cbor.Uint(1789811731085)},
			"Items": cbor.List{cbor.Map{"Count": cbor.Uint(7)}}, "Gift": cbor.Bool(true), "Weight": cbor.Float64(1.5), "Kind": &cbor.Nil{},
		}, []string{}},
		"a text for bytes":    {cbor.Map{"Customer": name, "Data": cbor.String("AAEC")}, []string{"PutOrder.Data type"}},
		"a number for a time": {cbor.Map{"Customer": name, "At": cbor.Uint(1789811731085)}, []string{"PutOrder.At type"}},
		"bytes for a text":    {cbor.Map{"Customer": cbor.Slice("ann")}, []string{"PutOrder.Customer type"}},
		"below":               {cbor.Map{"Customer": name, "Items": cbor.List{cbor.Map{"Count": cbor.NegInt(1)}}}, []string{"PutOrder.Items[0].Count min"}},
		"another tag":         {cbor.Map{"Customer": name, "At": &cbor.Tag{ID: 2, Value: cbor.Uint(1)}}, []string{"PutOrder protocol"}},
	} {
		_, report := m.Request(post("Shop_2026.PutOrder", cbor11, string(cbor.Encode(c.in))))
		assert.Equal(t, c.want, rules(report), "%s: %s", text, report)
	}
}

func TestAnswersOfAWSJSON(t *testing.T) {
	m := model(t, "json")
	in := header("Content-Type", json11)
	for text, c := range map[string]struct {
		op     string
		answer servicemodel.Answer
		want   []string
	}{
		"good":                {"PutOrder", servicemodel.Answer{Status: 200, Header: in, Body: []byte(`{"Id":1}`)}, []string{}},
		"another status":      {"PutOrder", servicemodel.Answer{Status: 202, Header: in, Body: []byte(`{"Id":1}`)}, []string{"PutOrder answer protocol"}},
		"missing":             {"PutOrder", servicemodel.Answer{Status: 200, Header: in, Body: []byte(`{"id":1}`)}, []string{"PutOrder answer.id unknown", "PutOrder answer.Id missing"}},
		"without output":      {"Forget", servicemodel.Answer{Status: 200}, []string{}},
		"none is expected":    {"Forget", servicemodel.Answer{Status: 200, Header: in, Body: []byte(`{"Id":1}`)}, []string{"Forget answer.Id unknown"}},
		"a page of HTML":      {"PutOrder", servicemodel.Answer{Status: 200, Header: header("Content-Type", "text/html"), Body: []byte(`<`)}, []string{"PutOrder answer protocol"}},
		"an error":            {"PutOrder", servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"a.b#NoSuchCustomer:http://c","message":"no"}`)}, []string{}},
		"its member":          {"PutOrder", servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"NoSuchCustomer","Message":"no"}`)}, []string{"PutOrder NoSuchCustomer.Message unknown"}},
		"its status":          {"PutOrder", servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"OutOfStock","Left":200}`)}, []string{"PutOrder OutOfStock protocol", "PutOrder OutOfStock.Left max"}},
		"another operation's": {"Forget", servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"OutOfStock"}`)}, []string{"Forget OutOfStock unknown"}},
		"everybody's":         {"Forget", servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"ValidationException","message":"no"}`)}, []string{}},
		"with more":           {"Forget", servicemodel.Answer{Status: 500, Header: in, Body: []byte(`{"__type":"ValidationException","why":"no"}`)}, []string{"Forget ValidationException protocol", "Forget ValidationException.why unknown"}},
		"a text":              {"Forget", servicemodel.Answer{Status: 500, Header: in, Body: []byte(`"no"`)}, []string{"Forget error type"}},
		"no operation":        {"Steal", servicemodel.Answer{Status: 200}, []string{"Steal unknown"}},
	} {
		assert.Equal(t, c.want, rules(m.Answer(c.op, c.answer)), text)
	}
}

func TestAnErrorIsCheckedByItsNameToo(t *testing.T) {
	m := model(t, "json")
	no := map[string]any{"message": "no"}
	assert.Empty(t, m.Error("PutOrder", "OutOfStock", no).Problems)
	assert.Empty(t, m.Error("Forget", "InternalFailure", no).Problems)
	assert.Equal(t, []string{"PutOrder OutOfStock.Message unknown"}, rules(m.Error("PutOrder", "OutOfStock", map[string]any{"Message": "no"})))
	assert.Equal(t, []string{"Forget OutOfStock unknown"}, rules(m.Error("Forget", "OutOfStock", no)))
	assert.Equal(t, []string{"Steal unknown"}, rules(m.Error("Steal", "OutOfStock", no)))

	in := header("Content-Type", json11)
	assert.Equal(t, "OutOfStock", servicemodel.ErrorCode(servicemodel.Answer{Status: 400, Header: in, Body: []byte(`{"__type":"a#OutOfStock"}`)}))
	assert.Equal(t, "OutOfStock", servicemodel.ErrorCode(servicemodel.Answer{
		Status: 400, Header: header("Content-Type", cbor11), Body: cbor.Encode(cbor.Map{"__type": cbor.String("OutOfStock")}),
	}))
	assert.Equal(t, "Gone", servicemodel.ErrorCode(servicemodel.Answer{Status: 404, Header: header("X-Amzn-Errortype", "Gone:http://x"), Body: []byte("<")}))
	assert.Empty(t, servicemodel.ErrorCode(servicemodel.Answer{Status: 202, Header: in, Body: []byte(`{"__type":"OutOfStock"}`)}))
}

// event is a message of a stream.
type event struct{ headers, payload string }

// stream encodes messages. The headers of each are names and values with blanks between.
func stream(t *testing.T, events ...event) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		m := eventstream.Message{Payload: []byte(e.payload)}
		words := strings.Fields(e.headers)
		for i := 0; i < len(words); i += 2 {
			m.Headers.Set(words[i], eventstream.StringValue(words[i+1]))
		}
		require.NoError(t, eventstream.NewEncoder().Encode(&b, m))
	}
	return b.Bytes()
}

func TestEventsAreCheckedOneByOne(t *testing.T) {
	const (
		first = ":message-type event :event-type initial-response :content-type application/json"
		order = ":message-type event :event-type Order :content-type application/json"
		error = ":message-type exception :exception-type OutOfStock :content-type application/json"
	)
	begin := event{first, `{"Name":"ann"}`}
	for text, c := range map[string]struct {
		events []event
		want   []string
	}{
		"good": {[]event{begin, {order, `{"Id":1,"Data":"AA=="}`}, {error, `{"__type":"OutOfStock","message":"no"}`}}, []string{}},
		"cbor": {[]event{begin, {
			strings.Replace(order, "application/json", "application/cbor", 1),
			string(cbor.Encode(cbor.Map{"Id": cbor.Uint(1), "Data": cbor.Slice("a")})),
		}}, []string{}},
		"of its own kind":  {[]event{begin, {":message-type error :error-code InternalFailure", ``}}, []string{}},
		"without a code":   {[]event{begin, {":message-type error", ``}}, []string{"Watch answer message 1 protocol"}},
		"without a type":   {[]event{begin, {":content-type application/json", `{}`}}, []string{"Watch answer message 1 protocol"}},
		"no first":         {[]event{{order, `{"Id":1}`}}, []string{"Watch answer message 0 protocol"}},
		"an empty first":   {[]event{{first, `{}`}}, []string{"Watch answer message 0.Name missing"}},
		"a bad event":      {[]event{begin, {order, `{"ID":1}`}}, []string{"Watch answer message 1 Order.ID unknown", "Watch answer message 1 Order.Id missing"}},
		"an unknown event": {[]event{begin, {strings.Replace(order, "Order", "Gift", 1), `{}`}}, []string{"Watch answer message 1 unknown"}},
		"not as exception": {[]event{begin, {strings.Replace(order, "Order", "OutOfStock", 1), `{}`}}, []string{"Watch answer message 1 protocol"}},
		"no JSON":          {[]event{begin, {order, `{`}}, []string{"Watch answer message 1 protocol"}},
	} {
		body := stream(t, c.events...)
		answer := servicemodel.Answer{Status: 200, Header: header("Content-Type", "application/vnd.amazon.eventstream"), Body: body}
		assert.Equal(t, c.want, rules(model(t, "json").Answer("Watch", answer)), text)
		answer.Body = body[:len(body)-3]
		assert.Subset(t, c.want, rules(model(t, "json").Answer("Watch", answer)), "%s, cut off", text)
	}
	damaged := stream(t, begin)
	damaged[len(damaged)-1] ^= 1
	for op, body := range map[string][]byte{"Watch": damaged, "Forget": stream(t, begin)} {
		answer := servicemodel.Answer{Status: 200, Header: header("Content-Type", "application/vnd.amazon.eventstream"), Body: body}
		assert.Equal(t, []string{op + " answer protocol"}, rules(model(t, "json").Answer(op, answer)))
	}
}

func TestRequestsOfREST(t *testing.T) {
	m := model(t, "rest")
	jsonBody := header("Content-Type", "application/json")
	for text, c := range map[string]struct {
		request servicemodel.Request
		op      string
		want    []string
	}{
		"good":              {servicemodel.Request{Method: "GET", Path: "/orders/a%62", Query: "max=5&key=a&key=b&x-id=GetOrder", Header: header("X-Amz-Kind", "NEW", "X-Amz-Date", "now")}, "GetOrder", []string{}},
		"a slash behind":    {servicemodel.Request{Method: "GET", Path: "/orders/ab/"}, "GetOrder", []string{}},
		"more literal":      {servicemodel.Request{Method: "GET", Path: "/orders/newest"}, "GetNewest", []string{}},
		"the rest":          {servicemodel.Request{Method: "GET", Path: "/files/b/c/d%20/E"}, "GetFile", []string{}},
		"a label":           {servicemodel.Request{Method: "GET", Path: "/orders/7"}, "GetOrder", []string{"GetOrder.Id pattern"}},
		"a parameter":       {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "max=501"}, "GetOrder", []string{"GetOrder.Max max"}},
		"no number":         {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "max=x"}, "GetOrder", []string{"GetOrder.Max type"}},
		"twice":             {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "max=1&max=2"}, "GetOrder", []string{"GetOrder.Max type"}},
		"in a list":         {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "key=a&key=7"}, "GetOrder", []string{"GetOrder.Keys[1] pattern"}},
		"no parameter":      {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "Max=1"}, "GetOrder", []string{"GetOrder?Max unknown"}},
		"malformed":         {servicemodel.Request{Method: "GET", Path: "/orders/a", Query: "%zz"}, "GetOrder", []string{"GetOrder protocol"}},
		"a header":          {servicemodel.Request{Method: "GET", Path: "/orders/a", Header: header("X-Amz-Kind", "new")}, "GetOrder", []string{"GetOrder.Kind enum"}},
		"an unknown header": {servicemodel.Request{Method: "GET", Path: "/orders/a", Header: header("X-Amz-Hue", "red")}, "GetOrder", []string{"GetOrder header X-Amz-Hue unknown"}},
		"a time":            {servicemodel.Request{Method: "GET", Path: "/orders/a", Header: header("X-Amz-Since", "Sun, 06 Nov 1994 08:49:37 GMT")}, "GetOrder", []string{}},
		"no time":           {servicemodel.Request{Method: "GET", Path: "/orders/a", Header: header("X-Amz-Since", "1994")}, "GetOrder", []string{"GetOrder.Since type"}},
		"a body":            {servicemodel.Request{Method: "PUT", Path: "/orders/a", Header: jsonBody, Body: []byte(`{"n":1}`)}, "PutOrder", []string{}},
		"of one address":    {servicemodel.Request{Method: "PUT", Path: "/orders/a", Header: header("X-Amz-Copy-Source", "b")}, "CopyOrder", []string{}},
		"the model's name":  {servicemodel.Request{Method: "PUT", Path: "/orders/a", Header: jsonBody, Body: []byte(`{"Count":1}`)}, "PutOrder", []string{"PutOrder.Count unknown", "PutOrder.Count missing"}},
		"a label's name":    {servicemodel.Request{Method: "PUT", Path: "/orders/a", Header: jsonBody, Body: []byte(`{"n":1,"Id":"a"}`)}, "PutOrder", []string{"PutOrder.Id unknown"}},
		"no object":         {servicemodel.Request{Method: "PUT", Path: "/orders/a", Header: jsonBody, Body: []byte(`[]`)}, "PutOrder", []string{"PutOrder type", "PutOrder.Count missing"}},
		"a payload":         {servicemodel.Request{Method: "POST", Path: "/invoke", Body: []byte("abcd"), Header: header("X-Amz-Meta-A", "NEW")}, "Invoke", []string{}},
		"too large a one":   {servicemodel.Request{Method: "POST", Path: "/invoke", Body: []byte("abcde"), Header: header("X-Amz-Meta-A", "x")}, "Invoke", []string{"Invoke.Body max", `Invoke.Meta["a"] enum`}},
		"no method":         {servicemodel.Request{Method: "HEAD", Path: "/orders/a"}, "", []string{"Shop unknown"}},
		"no address":        {servicemodel.Request{Method: "GET", Path: "/orders"}, "", []string{"Shop unknown"}},
	} {
		op, report := m.Request(c.request)
		assert.Equal(t, c.op, op, text)
		assert.Equal(t, c.want, rules(report), text)
	}
}

func TestAnswersOfREST(t *testing.T) {
	m := model(t, "rest")
	in := header("Content-Type", "application/json")
	for text, c := range map[string]struct {
		op     string
		answer servicemodel.Answer
		want   []string
	}{
		"good":           {"GetOrder", servicemodel.Answer{Status: 202, Header: in, Body: []byte(`{"Id":"a","n":3,"At":1.5}`)}, []string{}},
		"another status": {"GetOrder", servicemodel.Answer{Status: 200, Header: in, Body: []byte(`{"Id":"a"}`)}, []string{"GetOrder answer protocol"}},
		"a bad member":   {"GetOrder", servicemodel.Answer{Status: 202, Header: in, Body: []byte(`{"Id":"a","At":"1994"}`)}, []string{"GetOrder answer.At type"}},
		"no body":        {"PutOrder", servicemodel.Answer{Status: 200}, []string{}},
		"a body":         {"PutOrder", servicemodel.Answer{Status: 200, Header: in, Body: []byte(`{}`)}, []string{"PutOrder answer unknown"}},
		"a payload":      {"Invoke", servicemodel.Answer{Status: 200, Header: header("X-Amz-Error", "OLD"), Body: []byte(`{}`)}, []string{}},
		"a header":       {"Invoke", servicemodel.Answer{Status: 200, Header: header("X-Amz-Error", "x")}, []string{"Invoke answer.Error enum"}},
		"an error":       {"GetOrder", servicemodel.Answer{Status: 404, Header: header("X-Amzn-Errortype", "NoSuchOrder", "Retry-After", "1"), Body: []byte(`{"Type":"User","Message":"no"}`)}, []string{}},
		"by the letter":  {"GetOrder", servicemodel.Answer{Status: 400, Header: header("X-Amzn-Errortype", "NoSuchOrder"), Body: []byte(`{"message":"no"}`)}, []string{"GetOrder NoSuchOrder protocol", "GetOrder NoSuchOrder.message unknown"}},
		"everybody's":    {"GetOrder", servicemodel.Answer{Status: 403, Header: header("X-Amzn-Errortype", "AccessDeniedException"), Body: []byte(`{"message":"no"}`)}, []string{}},
	} {
		report := m.Answer(c.op, c.answer)
		assert.Equal(t, c.want, rules(report), "%s: %s", text, report)
	}
}

func TestRequestsOfAWSQuery(t *testing.T) {
	m := model(t, "query")
	const begin = "Action=PutOrder&Version=2026-01-01&Customer=ann"
	for body, want := range map[string][]string{
		begin: {},
		begin + "&Items.member.1.n=1&Items.member.2.n=2&Flat.1=a&Tags.entry.1.Name=a&Tags.entry.1.Value=b&At=2026-01-01T00:00:00Z&Gift=true&Data=AA%3D%3D": {},
		begin + "&Items=":                                           {},
		begin + "&Items.member.1.Count=1":                           {"PutOrder.Items[0].Count unknown", "PutOrder.Items[0].Count missing"},
		begin + "&Items.member.1.n=101":                             {"PutOrder.Items[0].Count max"},
		begin + "&Items.member.2.n=1":                               {"PutOrder.Items type"},
		begin + "&Items.1.n=1":                                      {"PutOrder.Items type"},
		begin + "&Flat.member.1=a":                                  {"PutOrder.Flat type"},
		begin + "&Tags.entry.1.key=a&Tags.entry.1.value=b":          {"PutOrder.Tags type"},
		begin + "&Tags.entry.1.Name=a&Tags.entry.1.Value=bbbbbbbbb": {`PutOrder.Tags["a"] max`},
		begin + "&At=1.5":                                           {"PutOrder.At type"},
		begin + "&Gift=yes":                                         {"PutOrder.Gift type"},
		begin + "&Customer.Name=a":                                  {"PutOrder.Customer type"},
		begin + "&Hue=red":                                          {"PutOrder.Hue unknown"},
		begin + "&Customer=bob":                                     {"PutOrder.Customer protocol"},
		"Action=PutOrder&Version=2025-01-01":                        {"PutOrder protocol", "PutOrder.Customer missing"},
		"Action=Steal&Version=2026-01-01":                           {"Steal unknown"},
	} {
		_, report := m.Request(servicemodel.Request{
			Method: "POST", Path: "/", Header: header("Content-Type", "application/x-www-form-urlencoded"), Body: []byte(body),
		})
		assert.Equal(t, want, rules(report), "%s: %s", body, report)
	}
	report := m.Answer("PutOrder", servicemodel.Answer{Status: 200, Body: []byte("<PutOrderResponse/>")})
	assert.Empty(t, report.Problems)
	assert.NotEmpty(t, report.Unchecked, "what is not read is not said to be right")
}

func TestTheLatestVersionOfAServiceIsFound(t *testing.T) {
	text, err := os.ReadFile("testdata/query.json")
	require.NoError(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	data := fstest.MapFS{
		"old/2014-11-11/service-2.json":     {Data: []byte("{")},
		"old/2026-01-01/service-2.json":     {Data: text},
		"new/2014-11-11/service-2.json.gz":  {Data: []byte("{")},
		"new/2026-01-01/service-2.json.gz":  {Data: packed.Bytes()},
		"bad/2026-01-01/service-2.json.gz":  {Data: packed.Bytes()[:20]},
		"none/2026-01-01/paginators-1.json": {Data: text},
	}
	for _, name := range []string{"old", "new"} {
		m, err := servicemodel.Find(data, name)
		require.NoError(t, err, name)
		assert.Equal(t, []string{"PutOrder"}, m.Operations())
		assert.Equal(t, "Shop", m.ServiceID())
	}
	_, err = servicemodel.Find(data, "bad")
	require.ErrorContains(t, err, "bad/2026-01-01")
	for _, name := range []string{"none", "nowhere"} {
		_, err = servicemodel.Find(data, name)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
}
