# The commands that a contributor needs; CONTRIBUTING.md describes them.

.PHONY: test race lint bench peers ci

test: ## the root module's tests, with nothing but Go
	go test ./...

race: ## the same under the race detector, in random order
	go test -race -shuffle=on -timeout 30m ./...

lint: ## the linter, and the check of our English
	go tool -modfile=.ci/tools/go.mod golangci-lint run ./...
	go run ./.ci/prose

bench: ## benchmarks, in the form that benchstat reads
	go test -run '^$$' -bench . -count 6 ./batch ./poller ./mapping ./benchmarks

peers: ## the emulators and libraries of others, for the tests that use them
	npm ci --prefix .ci/rig
	.ci/rig/java.sh
	.ci/rig/python.sh
	.ci/rig/rust.sh

ci: ## everything, as the hosted build runs it
	bash .ci/run
