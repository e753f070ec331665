package sigv4_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

func Example() {
	v, err := sigv4.New(sigv4.Config{Keys: map[string]string{"AKIDEXAMPLE": "secret"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/2015-03-31/event-source-mappings/", nil)
	if refusal := v.Verify(r, nil); refusal != nil {
		fmt.Println(refusal.Status, refusal.Code, refusal.Message)
	}
	// Output: 403 MissingAuthenticationTokenException Missing Authentication Token
}
