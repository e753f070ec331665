package httpfunc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/shardmill/shardmill/invoke"
	httpfunc "github.com/shardmill/shardmill/invoke/http"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Lambda-Runtime-Aws-Request-Id"))
		fmt.Fprint(w, `{"batchItemFailures":[{"itemIdentifier":"101"}]}`)
	}))
	defer server.Close()

	ship, err := httpfunc.New(httpfunc.Config{URL: server.URL + "/orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ship.CloseIdleConnections()
	_, outcome := invoke.Run(context.Background(), ship, invocation("ann", 2, 3), invoke.Options{ReportBatchItemFailures: true})
	fmt.Println(outcome.Kind, outcome.FailedItems)
	// Output:
	// 9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11
	// success [101]
}
