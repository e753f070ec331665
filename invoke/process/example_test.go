package process_test

import (
	"context"
	"fmt"
	"os"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/process"
)

// The function is a program of its own: here this test binary, which calls lambda.Start of aws-lambda-go when its environment says so.
func Example() {
	ship, err := process.New(process.Config{
		Command:     []string{os.Args[0]},
		Environment: map[string]string{role: "function"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ship.Close()

	result, outcome := invoke.Run(context.Background(), ship, invocation("error out of tea"), invoke.Options{})
	fmt.Println(outcome.Kind, string(result.Payload))
	// Output:
	// function-error {"errorMessage":"out of tea","errorType":"errorString"}
}
