package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/shardmill/shardmill/invoke/process"
)

// host is a program that runs functions until it is killed. It prints the ids of all processes below it.
func host() {
	cfg := config("function")
	cfg.Logger = slog.Default()
	f, err := process.New(cfg)
	if err != nil {
		panic(err)
	}
	for range 3 {
		go func() {
			r, err := f.Invoke(context.Background(), invocation("fork"))
			if err != nil {
				panic(err)
			}
			var pids []int
			if err := json.Unmarshal(r.Payload, &pids); err != nil {
				panic(err)
			}
			fmt.Println(pids[0], pids[1])
			_, _ = f.Invoke(context.Background(), invocation("hang"))
		}()
	}
	select {}
}
