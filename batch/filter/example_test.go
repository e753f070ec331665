package filter_test

import (
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
)

func Example() {
	p, err := filter.Parse(`{"order": {"status": ["shipped", "lost"], "total": [{"numeric": [">=", 100]}]}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Match([]byte(`{"order": {"id": 7, "status": "shipped", "total": 250.0}}`)))
	fmt.Println(p.Match([]byte(`{"order": {"id": 8, "status": "shipped", "total": "250"}}`)))
	// Output:
	// true
	// false
}

func ExampleParse_error() {
	_, err := filter.Parse(`{
		"order": {
			"total": [{"numeric": [">=", "100"]}]
		}
	}`)
	fmt.Println(err)

	var e *filter.Error
	if errors.As(err, &e) {
		fmt.Println(e.Line, e.Path, e.Operator, e.Reason)
	}
	// Output:
	// Invalid filter pattern definition. line 3, "order.total", numeric: Value of >= must be numeric
	// 3 order.total numeric Value of >= must be numeric
}

func ExampleCriteria_Match() {
	criteria, err := filter.Compile([]string{
		`{"data": {"type": ["order"]}}`,
		`{"partitionKey": [{"prefix": "vip-"}]}`,
	}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range []batch.Record{
		{PartitionKey: "c-1", Data: []byte(`{"type": "order"}`)},
		{PartitionKey: "c-2", Data: []byte(`{"type": "login"}`)},
		{PartitionKey: "c-3", Data: []byte(`type=order`)},
		{PartitionKey: "vip-4", Data: []byte(`type=login`)},
	} {
		fmt.Println(r.PartitionKey, criteria.Match(&r))
	}
	// Output:
	// c-1 passed
	// c-2 filtered
	// c-3 not JSON
	// vip-4 passed
}
